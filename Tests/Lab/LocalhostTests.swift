import Foundation
import JSON
import Testing

extension LabSuite {
    /// A primary that listens on its own host only: adopted through the agent's relay, under load and without a
    /// restart; the next switchover ends the relay.
    @Suite(.serialized)
    struct Localhost {
        let hosts = Hosts()

        /// An application on the primary's own host, over the socket, for so many seconds.
        private func startLocalLoad(seconds: Int) async throws {
            try await hosts.shell("h1", """
                cd /; systemd-run -q --unit local-load --uid postgres -p StandardOutput=file:/tmp/local-load.log \
                  -p StandardError=file:/tmp/local-load.log \
                  pgbench -n -c 2 -R 50 -T \(seconds) -h /var/run/postgresql bench
                """)
        }

        private func localLoad() async throws -> String {
            try await eventually("the local load ends", within: .seconds(120)) {
                try await hosts.shell("h1", "systemctl is-active local-load.service || true") != "active"
            }
            return try await hosts.shell("h1", "cat /tmp/local-load.log")
        }

        private func listeners(_ host: String) async throws -> [String] {
            try await hosts.shell(host, "ss -Hltn | awk '{print $4}'").split(separator: "\n").map(String.init)
        }

        private func adopt() async throws -> String {
            let planned = try await hosts.pgadopt("plan", hosts.inventory, "--out", hosts.plan)
            #expect(planned.status == 2, "\(planned.output)")
            #expect(planned.output.contains("port 8108"), "\(planned.output)")
            let applied = try await hosts.pgadopt("apply", hosts.plan, "--yes", deadline: .seconds(300))
            #expect(applied.status == 0, "\(applied.output)")
            try await eventually("both replicas stream", within: .seconds(30)) { await hosts.isWhole() }
            return planned.output
        }

        @Test func `a local server is adopted through the relay, which ends with the next switchover`() async throws {
            try await hosts.lab("up", "--fresh", "--with", "localhost")
            let postmaster = try await hosts.postmaster("h1")
            try await startLocalLoad(seconds: 45)
            _ = try await adopt()
            let now = try await hosts.postmaster("h1")
            #expect(now == postmaster)

            let address = try await hosts.shell("h1", "hostname -I").split(separator: " ").first.map(String.init) ?? ""
            let open = try await listeners("h1")
            #expect(open.contains("\(address):8108"))
            #expect(!open.contains("\(address):5432") && !open.contains("0.0.0.0:5432"))
            let said = try await hosts.pgadopt("status", hosts.inventory)
            #expect(said.status == 0 && said.output.contains("relay"), "\(said.output)")
            #expect(said.output.contains("listen_addresses"), "\(said.output)")
            let verified = try await hosts.pgadopt("verify", hosts.inventory)
            #expect(verified.status == 0, "\(verified.output)")
            // What is no replication is told so; what has no certificate is not listened to.
            let refused = try await hosts.shell("h2", """
                cd /; runuser -u postgres -- psql -w -c 'select 1' "host=\(address) port=8108 dbname=postgres \
                  user=pgadopt_replication sslmode=verify-full sslcert=/etc/pgadopt/main/relay.pem \
                  sslkey=/etc/pgadopt/main/relay.key sslrootcert=/etc/pgadopt/main/relay-ca.pem" 2>&1 || true
                """)
            #expect(refused.contains("physical replication only"), "\(refused)")
            // The agent may come and go: clients do not notice, replicas come back.
            try await hosts.shell("h1", "systemctl restart pgadopt-agent@main")
            try await eventually("both stream again", within: .seconds(60)) { await hosts.isWhole() }
            let load = try await localLoad()
            #expect(load.contains("number of failed transactions: 0 "), "\(load)")

            try await hosts.handLead(to: "h2")
            try await eventually("the server listens itself and the relay has gone", within: .seconds(60)) {
                let open = try await listeners("h1")
                return open.contains("\(address):5432") && !open.contains { $0.hasSuffix(":8108") }
            }
            let after = try await hosts.pgadopt("status", hosts.inventory)
            #expect(!after.output.contains("relay") && !after.output.contains("waiting for"), "\(after.output)")
            let again = try await hosts.pgadopt("plan", hosts.inventory, "--out", hosts.plan + ".2")
            #expect(again.status == 0, "\(again.output)")
            let whole = try await hosts.pgadopt("verify", hosts.inventory)
            #expect(whole.status == 0, "\(whole.output)")
        }

        @Test func `release takes the relay and its certificates away`() async throws {
            try await hosts.lab("up", "--fresh", "--with", "localhost")
            let postmaster = try await hosts.postmaster("h1")
            let state = try await hosts.serverState("h1")
            _ = try await adopt()
            let released = try await hosts.pgadopt(
                "release", hosts.plan, "--replicas", "remove", "--yes", deadline: .seconds(180))
            #expect(released.status == 0, "\(released.output)")
            let now = try await hosts.postmaster("h1")
            #expect(now == postmaster)
            let after = try await hosts.serverState("h1")
            #expect(after == state)
            for host in Hosts.all {
                let left = try await hosts.shell(
                    host, "ls -d /etc/pgadopt/main /var/lib/pgadopt/main/relay-ca 2>/dev/null; true")
                #expect(left == "", "\(host): \(left)")
            }
            let open = try await listeners("h1")
            #expect(!open.contains { $0.hasSuffix(":8108") })
        }
    }
}
