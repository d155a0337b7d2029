import Foundation
import Testing

extension LabSuite {
    /// A standby that streams already is adopted in place, under load, and given back.
    @Suite(.serialized)
    struct Standby {
        let hosts = Hosts()

        /// Configuration of a host by content, owner and mode, postgresql.auto.conf included, and what of ours is there.
        private func configuration(_ host: String) async throws -> String {
            try await hosts.shell(host, """
                find /etc/postgresql /etc/pgadopt /usr/lib/pgadopt /var/lib/pgadopt /etc/systemd/system \
                  /var/lib/postgresql/15/main/*.conf /var/lib/postgresql/15/main/*.signal \
                  -name 'pgadopt-agent*' -prune -o -type f -print0 2>/dev/null | sort -z \
                  | xargs -0r sh -c 'for f; do stat -c "%n %U %a" "$f"; sha256sum < "$f"; done' -
                ls -d /etc/systemd/system/pgadopt* /etc/systemd/system/*/pgadopt* 2>/dev/null
                true
                """)
        }

        private func receiver(_ host: String) async throws -> String {
            try await hosts.sql(host, "select status, slot_name from pg_stat_wal_receiver")
        }

        @Test func `a standby that streams is adopted in place, and release gives it back byte for byte`() async throws {
            try await hosts.lab("up", "--fresh", "--with", "standby")
            let primary = try await hosts.postmaster("h1"), standby = try await hosts.postmaster("h2")
            let before = try await configuration("h2")
            let state = try await hosts.serverState("h1")
            let streamed = try await receiver("h2")
            #expect(streamed == "streaming|h2_old")
            let load = try await Load(hosts)

            let planned = try await hosts.pgadopt("plan", hosts.inventory, "--out", hosts.plan)
            #expect(planned.status == 2, "\(planned.output)")
            #expect(planned.output.contains("let the running standby"), "\(planned.output)")
            let applied = try await hosts.pgadopt("apply", hosts.plan, "--yes", deadline: .seconds(300))
            #expect(applied.status == 0, "\(applied.output)")
            try await eventually("both replicas stream", within: .seconds(30)) { await hosts.isWhole() }
            let adopted = try await hosts.postmaster("h2")
            #expect(adopted == standby)
            let now = try await hosts.postmaster("h1")
            #expect(now == primary)
            let ours = try await receiver("h2")
            #expect(ours == "streaming|h2")
            let slots = try await hosts.sql(
                "h1", "select slot_name, active, restart_lsn is null from pg_replication_slots order by 1")
            #expect(slots == "h2|t|f\nh2_old|f|f\nh3|t|f", "the slot of before is its owner's, and keeps what it kept")
            let verified = try await hosts.pgadopt("verify", hosts.inventory)
            #expect(verified.status == 0, "\(verified.output)")
            // Nobody else starts or stops it any more.
            try await hosts.shell("h2", "systemctl restart postgresql || true")
            let kept = try await hosts.postmaster("h2")
            #expect(kept == standby)

            let released = try await hosts.pgadopt(
                "release", hosts.plan, "--replicas", "remove", "--yes", deadline: .seconds(180))
            #expect(released.status == 0, "\(released.output)")
            try await eventually("h2 streams as it did", within: .seconds(30)) {
                try await receiver("h2") == "streaming|h2_old"
            }
            let account = try await load.end(tail: 0)
            #expect(account.writerErrors == 0, "\(account.report)")
            let last = try await hosts.postmaster("h2")
            #expect(last == standby)
            let lastPrimary = try await hosts.postmaster("h1")
            #expect(lastPrimary == primary)
            let after = try await configuration("h2")
            #expect(after == before)
            let stateNow = try await hosts.serverState("h1")
            #expect(stateNow == state)
            let unit = try await hosts.shell("h2", """
                systemctl show -p ActiveState,MainPID postgresql@15-main.service | sort | paste -sd' '
                """)
            #expect(unit == "ActiveState=active MainPID=\(standby.split(separator: " ")[0])", "\(unit)")
        }

        private func processes() async throws -> [String] {
            var found: [String] = []
            for host in Hosts.all { found.append(try await hosts.postmaster(host)) }
            return found
        }

        private func agents() async throws -> [String] {
            var found: [String] = []
            for host in Hosts.all {
                found.append(try await hosts.shell(host, "systemctl show -p MainPID --value pgadopt-agent@main"))
            }
            return found
        }

        @Test func `its agents are upgraded under load, it leads after a switchover, and follows again`() async throws {
            try await hosts.lab("up", "--fresh", "--with", "standby")
            let planned = try await hosts.pgadopt("plan", hosts.inventory, "--out", hosts.plan)
            #expect(planned.status == 2, "\(planned.output)")
            let applied = try await hosts.pgadopt("apply", hosts.plan, "--yes", deadline: .seconds(300))
            #expect(applied.status == 0, "\(applied.output)")
            try await eventually("both replicas stream", within: .seconds(30)) { await hosts.isWhole() }
            // New agents under load: nobody is disconnected, no server restarts.
            let servers = try await processes()
            let load = try await Load(hosts)
            let upgrade = hosts.directory.appendingPathComponent("upgrade.json").path
            let none = try await hosts.pgadopt("upgrade", hosts.inventory, "--out", upgrade)
            #expect(none.status == 0 && none.output.contains("nothing to do"), "\(none.output)")
            for host in Hosts.all { try await hosts.shell(host, "echo older > /usr/lib/pgadopt/bundle.sha256") }
            let shown = try await hosts.pgadopt("upgrade", hosts.inventory, "--out", upgrade)
            #expect(shown.status == 2, "\(shown.output)")
            let agents = try await agents()
            let upgraded = try await hosts.pgadopt("apply", upgrade, "--yes", deadline: .seconds(180))
            #expect(upgraded.status == 0, "\(upgraded.output)")
            let account = try await load.end(tail: 0)
            #expect(account.writerErrors == 0, "\(account.report)")
            let serversNow = try await processes(), agentsNow = try await self.agents()
            #expect(serversNow == servers)
            #expect(zip(agents, agentsNow).allSatisfy { $0 != $1 }, "\(agents) \(agentsNow)")
            try await eventually("all stream", within: .seconds(30)) { await hosts.isWhole() }
            for leader in ["h2", "h1"] {
                let moved = try await hosts.pgadopt("switchover", hosts.inventory, "--to", leader, "--yes")
                #expect(moved.status == 0, "\(moved.output)")
                try await eventually("all follow \(leader)", within: .seconds(60)) { await hosts.isWhole() }
            }
            let released = try await hosts.pgadopt(
                "release", hosts.plan, "--replicas", "remove", "--yes", deadline: .seconds(180))
            #expect(released.status == 0, "\(released.output)")
            try await eventually("h2 streams as it did", within: .seconds(30)) {
                try await receiver("h2") == "streaming|h2_old"
            }
        }
    }
}
