import Foundation
import Testing

extension LabSuite {
    /// With `synchronous_mode` on, no fault may cost one acknowledged row.
    @Suite(.serialized)
    struct Synchronous {
        let hosts = Hosts()
        /// The rest with `./test --faults`.
        static let faults =
            ["poweroff", "freeze", "killed server"]
            + (ProcessInfo.processInfo.environment["PGADOPT_LAB_FAULTS"] == "1" ? ["cut", "stopped agent"] : [])

        /// An adopted cluster in this mode, with a synchronous standby that the store knows.
        private func synchronous(_ mode: String) async throws {
            try await hosts.adopted()
            try await hosts.configure(#"{"synchronous_mode": \#(mode)}"#)
            try await eventually("a synchronous standby", within: .seconds(30)) {
                guard let leader = await hosts.leader() else { return false }
                let states = try await hosts.sql(leader, "select sync_state from pg_stat_replication").split(separator: "\n")
                return states.contains("sync") || states.contains("quorum")
            }
        }

        private func asynchronous() async throws {
            try await hosts.configure(#"{"synchronous_mode": false}"#)
        }

        @Test(arguments: faults)
        func `not one acknowledged row is lost`(_ fault: String) async throws {
            try await synchronous("true")
            let old = try await hosts.presentLeader()
            let load = try await Load(hosts)
            switch fault {
            case "poweroff": try await hosts.lab("poweroff", old)
            case "cut": try await hosts.lab("cut", old)
            case "freeze": try await hosts.lab("freeze", old)
            case "stopped agent": try await hosts.shell(old, "pkill -STOP -x pgadopt-agent")
            default: try await hosts.shell(old, "kill -KILL $(head -n 1 /var/lib/postgresql/15/main/postmaster.pid)")
            }
            if fault != "killed server" { try await hosts.awaitLeader(otherThan: old, within: .seconds(30)) }
            try await load.awaitProgress()
            switch fault {
            case "poweroff": try await hosts.lab("boot", old)
            case "cut": try await hosts.lab("heal", old)
            case "freeze": try await hosts.lab("thaw", old)
            case "stopped agent": try await hosts.shell(old, "pkill -CONT -x pgadopt-agent")
            default: break
            }
            try await eventually("all follow", within: .seconds(120)) { await hosts.isWhole() }
            expectSound(try await load.end(tail: 0))
        }

        @Test func `without a synchronous standby left, a dead leader is not replaced by one that lacks rows`() async throws {
            try await synchronous("true")
            let leader = try await hosts.presentLeader()
            let standby = try await hosts.sql(
                leader, "select application_name from pg_stat_replication where sync_state in ('sync', 'quorum')")
            let other = try #require(Hosts.all.first { $0 != leader && $0 != standby })
            let load = try await Load(hosts)
            // Both at once: the leader has no time to name another synchronous standby.
            try await hosts.lab("poweroff", standby)
            try await hosts.lab("poweroff", leader)
            try await Task.sleep(for: .seconds(25))
            let writable = await hosts.isWritable(other)
            #expect(!writable, "\(other) was promoted although it may lack acknowledged rows")
            try await hosts.lab("boot", standby)
            try await load.awaitProgress(within: .seconds(90))
            try await hosts.lab("boot", leader)
            try await eventually("all follow", within: .seconds(120)) { await hosts.isWhole() }
            expectSound(try await load.end(tail: 0))
        }

        @Test func `quorum mode loses nothing either, and turning it off works`() async throws {
            try await synchronous(#""quorum""#)
            let old = try await hosts.presentLeader()
            let load = try await Load(hosts)
            try await hosts.lab("poweroff", old)
            try await hosts.awaitLeader(otherThan: old, within: .seconds(30))
            try await load.awaitProgress()
            try await hosts.lab("boot", old)
            try await eventually("all follow", within: .seconds(120)) { await hosts.isWhole() }
            expectSound(try await load.end(tail: 0))
            try await asynchronous()
            try await eventually("asynchronous again", within: .seconds(30)) {
                guard let leader = await hosts.leader() else { return false }
                return try await hosts.sql(leader, "show synchronous_standby_names").isEmpty
            }
        }
    }
}
