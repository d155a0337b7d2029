import Foundation
import Testing

extension LabSuite {
    /// The day after: members leave and come back, and the adopted server is lost for good.
    @Suite(.serialized)
    struct Members {
        let hosts = Hosts()

        private func change(_ inventory: String) async throws -> String {
            let plan = hosts.plan + ".change"
            let planned = try await hosts.pgadopt("plan", inventory, "--out", plan)
            try #require(planned.status == 2, "\(planned.output)")
            let applied = try await hosts.pgadopt("apply", plan, "--yes", deadline: .seconds(180))
            try #require(applied.status == 0, "\(applied.output)")
            let again = try await hosts.pgadopt("plan", inventory)
            #expect(again.status == 0, "\(again.output)")
            return planned.output
        }

        @Test func `a member leaves and comes back, and what is left is released without the adopted server`()
            async throws
        {
            try await hosts.fresh()
            try await hosts.adopted()
            let postmaster = try await hosts.postmaster("h1")
            let text = try String(contentsOfFile: hosts.inventory, encoding: .utf8)
            let two = hosts.directory.appendingPathComponent("two.yaml").path
            let third = try #require(text.range(of: "      h3:\n"))
            try String(text[..<third.lowerBound]).write(toFile: two, atomically: true, encoding: .utf8)

            let leaving = try await change(two)
            #expect(leaving.contains("h3 leaves"), "\(leaving)")
            let running = try await hosts.shell("h3", "pgrep -c -x postgres; systemctl is-active pgadopt-agent@main; true")
            #expect(running == "0\ninactive")

            try await hosts.shell("h3", "systemctl enable --now pgadopt-agent@main")
            try await eventually("h3 is a member again", within: .seconds(30)) { await hosts.members().count == 3 }
            _ = try await change(hosts.inventory)
            try await eventually("both replicas stream", within: .seconds(60)) { await hosts.isWhole() }
            let now = try await hosts.postmaster("h1")
            #expect(now == postmaster)

            try await hosts.lab("poweroff", "h1")
            try await hosts.awaitLeader(otherThan: "h1", within: .seconds(40))
            try await eventually("one streams from the other", within: .seconds(60)) {
                await hosts.members().contains { $0.state == "streaming" }
            }
            let leader = try await hosts.presentLeader()
            let other = leader == "h2" ? "h3" : "h2"
            let before = try await hosts.postmaster(leader)
            let released = try await hosts.pgadopt(
                "release", hosts.plan, "--without", "h1", "--replicas", "keep", "--yes", deadline: .seconds(180))
            #expect(released.status == 0, "\(released.output)")
            // Longer than the lease.
            try await Task.sleep(for: .seconds(15))
            let after = try await hosts.postmaster(leader)
            #expect(after == before)
            for host in [leader, other] {
                let units = try await hosts.shell(
                    host, "systemctl is-active postgresql@15-main pgadopt-agent@main; true")
                #expect(units == "active\ninactive", "\(host)")
            }
            let streaming = try await hosts.sql(other, "select status from pg_stat_wal_receiver")
            #expect(streaming == "streaming")
        }
    }
}
