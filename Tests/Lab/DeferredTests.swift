import Foundation
import JSON
import Testing

extension LabSuite {
    /// Settings that only a restart can change: adoption leaves them, `status` lists them, a switchover applies them.
    @Suite(.serialized)
    struct Deferred {
        let hosts = Hosts()

        private func setting(_ host: String, _ name: String) async throws -> String {
            try await hosts.shell(host, "cd /; runuser -u postgres -- psql -XAtc 'SHOW \(name)'")
        }

        /// `MEMBER SETTING RUNNING WANTED` of everything that `status` lists.
        private func deferred() async throws -> [String] {
            let said = try await hosts.pgadopt("status", hosts.inventory, "--json")
            guard let start = said.output.firstIndex(of: "{") else { throw Hosts.Failed(description: said.output) }
            return (try JSON(parsing: String(said.output[start...]))["deferred"]?.array ?? []).map { entry in
                ["member", "setting", "running", "wanted"].map { entry[$0]?.string ?? "?" }.joined(separator: " ")
            }
        }

        @Test func `what waits for a restart is listed by status and takes effect at the next switchover`()
            async throws
        {
            try await hosts.lab("up", "--fresh", "--with", "no-checksums")
            let postmaster = try await hosts.postmaster("h1")
            let planned = try await hosts.pgadopt("plan", hosts.inventory, "--out", hosts.plan)
            #expect(planned.status == 2 && planned.output.contains("wal_log_hints"), "\(planned.output)")
            let applied = try await hosts.pgadopt("apply", hosts.plan, "--yes", deadline: .seconds(300))
            #expect(applied.status == 0, "\(applied.output)")
            try await eventually("both replicas stream", within: .seconds(30)) { await hosts.isWhole() }

            try await eventually("status lists wal_log_hints of h1", within: .seconds(30)) {
                try await deferred().contains("h1 wal_log_hints off on")
            }
            let text = try await hosts.pgadopt("status", hosts.inventory)
            #expect(text.status == 0 && text.output.contains("until then pg_rewind cannot be used"), "\(text.output)")
            let running = try await setting("h1", "wal_log_hints")
            #expect(running == "off")
            let same = try await hosts.postmaster("h1")
            #expect(same == postmaster)

            try await hosts.handLead(to: "h2")
            let now = try await setting("h1", "wal_log_hints")
            #expect(now == "on")
            try await eventually("nothing waits any more", within: .seconds(30)) { try await deferred().isEmpty }
        }
    }
}
