import JSON
import Testing

extension LabSuite {
    /// `pgadopt verify` finds nothing on a sound cluster, and what is broken on a broken one.
    @Suite(.serialized)
    struct Verify {
        let hosts = Hosts()

        private func verdicts(
            _ arguments: String...
        ) async throws -> (status: Int32, failed: Set<String>, json: JSON, text: String) {
            let (line, environment) = hosts.command(["verify", hosts.inventory, "--json"] + arguments)
            let ended = try await Program.run(line, environment: environment, directory: hosts.directory)
            let start = try #require(ended.output.firstIndex(of: "{"), "\(ended.output)")
            let json = try JSON(parsing: String(ended.output[start...]))
            let failed = (json["verdicts"]?.array ?? []).filter { $0["level"]?.string != "ok" }
                .map { "\($0["name"]?.string ?? "") \($0["host"]?.string ?? "")" }
            return (ended.status, Set(failed), json, ended.output)
        }

        @Test func `a sound cluster is proved, and a switchover there and back is measured`() async throws {
            try await hosts.adopted()
            let leader = try await hosts.presentLeader()
            let objects = "select count(*) from pg_class; select count(*) from pg_replication_slots"
            let before = try await hosts.sql(leader, objects)
            let proved = try await verdicts("--switchover", "--yes")
            #expect(proved.status != 1, "\(proved.text)")
            // The lab's server has no checksums; its wal_log_hints waits for a restart, which the switchover is.
            #expect(proved.failed.allSatisfy { $0.hasPrefix("rewind") }, "\(proved.text)")
            let gaps = (proved.json["switchovers"]?.array ?? []).compactMap { $0["gapMilliseconds"]?.int }
            #expect(gaps.count == 2 && gaps.allSatisfy { (20...10_000).contains($0) }, "\(proved.text)")
            let after = try await hosts.sql(leader, objects)
            #expect(after == before)
            let now = await hosts.leader()
            #expect(now == leader)
        }

        @Test func `a rule that a failover needs, a disabled agent and a paused replay are found`() async throws {
            try await hosts.adopted()
            let leader = try await hosts.presentLeader()
            let others = Hosts.all.filter { $0 != leader }
            let (first, second) = (others[0], others[1])
            let hba = "/etc/postgresql/15/main/pg_hba.conf"
            try await hosts.shell(first, """
                cp -p \(hba) /root/hba.kept
                sed -i '/^host replication pgadopt_replication/d' \(hba)
                runuser -u postgres -- psql -XAtqc 'select pg_reload_conf()'
                """)
            try await hosts.shell(second, "systemctl disable -q pgadopt-agent@main")
            try await hosts.sql(second, "select pg_wal_replay_pause()")
            let found = try await verdicts()
            try await hosts.sql(second, "select pg_wal_replay_resume()")
            try await hosts.shell(second, "systemctl enable -q pgadopt-agent@main")
            try await hosts.shell(first, """
                cp -p /root/hba.kept \(hba) && rm /root/hba.kept
                runuser -u postgres -- psql -XAtqc 'select pg_reload_conf()'
                """)
            #expect(found.status == 1, "\(found.text)")
            let expected: Set = [
                "connection.replication \(leader)", "connection.replication \(second)", "reboot \(second)",
                "canary \(second)",
            ]
            #expect(found.failed.isSuperset(of: expected), "\(found.text)")
            let rest = found.failed.subtracting(expected).filter { !$0.hasPrefix("rewind") }
            #expect(rest.isEmpty, "\(found.text)")
        }
    }
}
