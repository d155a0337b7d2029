import Foundation
import JSON
import Testing

extension LabSuite {
    /// `apply` and `release` are killed, cut off and started twice; what follows must end as if nothing had been.
    @Suite(.serialized)
    struct KilledApply {
        let hosts = Hosts()
        static let all = ProcessInfo.processInfo.environment["PGADOPT_LAB_KILLS"] == "1"

        /// The steps of the plan as `plan` wrote it: `h1/lock`, ...
        private func stepNames() throws -> [String] {
            let plan = try JSON(parsing: String(contentsOfFile: hosts.plan, encoding: .utf8))
            return (plan["steps"]?.array ?? []).compactMap { $0["id"]?.string }
        }

        private func makePlan() async throws {
            let planned = try await hosts.pgadopt("plan", hosts.inventory, "--out", hosts.plan)
            #expect(planned.status == 2, "\(planned.output)")
            try? FileManager.default.removeItem(at: hosts.directory.appendingPathComponent("plan.journal.jsonl"))
        }

        private func expectAdopted(_ postmaster: String) async throws {
            try await eventually("both replicas stream", within: .seconds(30)) { await hosts.isWhole() }
            let now = try await hosts.postmaster("h1")
            #expect(now == postmaster)
            let planned = try await hosts.pgadopt("plan", hosts.inventory)
            #expect(planned.status == 0, "something is left to plan:\n\(planned.output)")
            let lock = try await hosts.shell("h1", "ls -d /var/lib/pgadopt/main/lock* 2>/dev/null || true")
            #expect(lock.isEmpty, "\(lock)")
            for host in Hosts.all {
                let torn = try await hosts.shell(host, "find /etc /usr/lib/pgadopt* -name '*pgadopt.[0-9]*' || true")
                #expect(torn.isEmpty, "\(host): \(torn)")
            }
        }

        /// In parts, each an adoption of its own: a test has ten minutes.
        @Test(arguments: all ? 0..<4 : 0..<1)
        func `killed at both ends of every step, apply goes on and ends with the same process`(_ part: Int)
            async throws
        {
            try await hosts.fresh()
            let postmaster = try await hosts.postmaster("h1")
            try await makePlan()
            // The covering few: where a killed apply leaves most behind.
            var own = [
                "after:h1/lock", "after:h2/bundle", "after:h1/secrets", "after:h1/hba", "after:h1/legacy-unit",
                "after:h1/agent", "after:h2/base-backup", "after:h2/config-files", "after:h2/agent", "after:h1/verify",
            ]
            if Self.all {
                let moments = try stepNames().flatMap { ["before:\($0)", "after:\($0)"] }
                own = moments.enumerated().filter { $0.offset % 4 == part }.map(\.element)
            }
            try await hosts.run(["apply", hosts.plan, "--yes"], killedAt: own)
            try await expectAdopted(postmaster)
        }

        @Test(arguments: all ? 0..<10 : 1..<2)
        func `killed in the middle and taken back, the servers are as before`(_ turn: Int) async throws {
            try await hosts.fresh()
            let before = try await Condition(hosts)
            try await makePlan()
            let names = try stepNames()
            // Spread over the plan: with every turn at another place, before and after.
            let middle = names[(turn * names.count / 10 + 4) % names.count]
            let moment = (turn % 2 == 0 ? "before:" : "after:") + middle
            try await apply(killedAt: moment)
            try await releaseKilledEverywhere()
            try await before.expectSame(hosts, "killed at \(moment)")
        }

        /// All ends of all steps, each on hosts that the release before has given back.
        @Test(.enabled(if: all), arguments: 0..<8)
        func `killed at either end of any step, release leaves the servers as they were`(_ part: Int) async throws {
            try await hosts.fresh()
            let before = try await Condition(hosts)
            try await makePlan()
            let moments = try stepNames().flatMap { ["before:\($0)", "after:\($0)"] }
            for (index, moment) in moments.enumerated() where index % 8 == part {
                try await makePlan()
                try await apply(killedAt: moment)
                let released = try await hosts.pgadopt("release", hosts.plan, "--replicas", "remove", "--yes")
                try #require(released.status == 0, "killed at \(moment)\n\(released.output)")
                try await before.expectSame(hosts, "killed at \(moment)")
            }
        }

        private func apply(killedAt moment: String) async throws {
            let (line, environment) = hosts.command(["apply", hosts.plan, "--yes"])
            let ended = try await Program.run(
                line, environment: environment.merging(["PGADOPT_TEST_STOP": moment]) { $1 },
                directory: hosts.directory, deadline: .seconds(240))
            try #require(ended.output.contains("killed at \(moment)"), "\(ended.output)")
        }

        /// The release is killed too: at every act it lists.
        private func releaseKilledEverywhere() async throws {
            let shown = try await hosts.pgadopt("release", hosts.plan, "--plan", "--replicas", "remove", "--json")
            try #require(shown.status == 0, "\(shown.output)")
            let names = try JSON(parsing: shown.output).array?.compactMap { $0["name"]?.string } ?? []
            #expect(!names.isEmpty, "\(shown.output)")
            let moments = names.enumerated().flatMap { index, name in
                Self.all ? ["before:\(name)", "after:\(name)"] : index % 4 == 1 ? ["after:\(name)"] : []
            }
            try await hosts.run(["release", hosts.plan, "--replicas", "remove", "--yes"], killedAt: moments)
            let again = try await hosts.pgadopt("release", hosts.plan, "--replicas", "remove", "--yes")
            #expect(again.status == 0 && again.output.contains("Nothing to take back"), "\(again.output)")
        }
    }
}
