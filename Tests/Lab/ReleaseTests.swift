import Foundation
import Testing

extension LabSuite {
    /// An adoption is taken back: the servers are as they were, and were never restarted.
    @Suite(.serialized)
    struct Release {
        let hosts = Hosts()

        private func adopt() async throws {
            let planned = try await hosts.pgadopt("plan", hosts.inventory, "--out", hosts.plan)
            #expect(planned.status == 2, "\(planned.output)")
            let applied = try await hosts.pgadopt("apply", hosts.plan, "--yes", deadline: .seconds(300))
            #expect(applied.status == 0, "\(applied.output)")
        }

        private func keys() async throws -> String {
            try await hosts.shell("h1", "ETCDCTL_API=3 etcdctl get --prefix --keys-only /service/main/")
        }

        @Test func `everything of before is back, and the primary's process is the same`() async throws {
            try await hosts.fresh()
            let postmaster = try await hosts.postmaster("h1")
            let before = try await Condition(hosts)
            try await adopt()
            let load = try await Load(hosts)

            let asked = try await hosts.pgadopt("release", hosts.plan, "--yes")
            #expect(asked.status == 1 && asked.output.contains("--replicas keep"), "\(asked.output)")
            let shown = try await hosts.pgadopt("release", hosts.plan, "--plan", "--replicas", "remove")
            #expect(shown.status == 0 && shown.output.contains("without a restart"), "\(shown.output)")
            let released = try await hosts.pgadopt(
                "release", hosts.plan, "--replicas", "remove", "--yes", deadline: .seconds(180))
            #expect(released.status == 0, "\(released.output)")
            try await before.expectSame(hosts, "released under load")

            let account = try await load.end(tail: 0)
            #expect(account.writerErrors == 0, "\(account.report)")
            let copies = try await hosts.shell("h2", "ls /var/lib/postgresql/15/main 2>/dev/null | head -n 3")
            #expect(copies.isEmpty, "\(copies)")
            // Its own unit stops and starts it again, as before.
            try await hosts.shell("h1", "systemctl restart postgresql")
            let restarted = try await hosts.postmaster("h1")
            #expect(restarted != postmaster)
        }

        @Test func `after a failover, without the plan file, replicas that are kept stream on under their own unit`()
            async throws
        {
            try await hosts.fresh()
            try await adopt()
            try await eventually("both replicas stream", within: .seconds(30)) { await hosts.isWhole() }
            for file in ["plan.json", "plan.journal.jsonl"] {
                try FileManager.default.removeItem(at: hosts.directory.appendingPathComponent(file))
            }
            let moved = try await hosts.pgadopt("switchover", hosts.inventory, "--to", "h2", "--yes")
            #expect(moved.status == 0, "\(moved.output)")
            try await eventually("all follow h2", within: .seconds(60)) { await hosts.isWhole() }
            let refused = try await hosts.pgadopt("release", hosts.inventory, "--replicas", "keep", "--yes")
            #expect(refused.status == 1 && refused.output.contains("--switch-back"), "\(refused.output)")
            let released = try await hosts.pgadopt(
                "release", hosts.inventory, "--replicas", "keep", "--switch-back", "--yes", deadline: .seconds(240))
            #expect(released.status == 0, "\(released.output)")
            try await Task.sleep(for: .seconds(13))
            let left = try await keys()
            #expect(left.isEmpty, "\(left)")
            for host in Hosts.all {
                let unit = try await hosts.shell(
                    host, "systemctl is-active postgresql@15-main pgadopt-agent@main || true")
                #expect(unit.split(separator: "\n").map(String.init) == ["active", "inactive"], "\(host): \(unit)")
            }
            try await expectStreaming(to: ["h2", "h3"])
            // They come back as standbys by their own unit.
            try await hosts.shell("h2", "systemctl restart postgresql@15-main")
            try await expectStreaming(to: ["h2", "h3"])
        }

        @Test func `replicas that are promoted are servers of their own`() async throws {
            try await hosts.fresh()
            let postmaster = try await hosts.postmaster("h1")
            try await adopt()
            let released = try await hosts.pgadopt(
                "release", hosts.plan, "--replicas", "promote", "--yes", deadline: .seconds(240))
            #expect(released.status == 0, "\(released.output)")
            try await Task.sleep(for: .seconds(13))
            for host in Hosts.all {
                let writable = await hosts.isWritable(host)
                #expect(writable, "\(host)")
                let rest = try await hosts.sql(host, """
                    select count(*) from pg_replication_slots;
                    select count(*) from pg_authid where rolname like 'pgadopt%'
                    """)
                if host == "h1" { #expect(rest == "0\n0") }
            }
            let now = try await hosts.postmaster("h1")
            #expect(now == postmaster)
            try await hosts.shell("h3", "systemctl restart postgresql@15-main")
            let isWritable = await hosts.isWritable("h3")
            #expect(isWritable)
        }

        private func expectStreaming(to members: [String]) async throws {
            try await eventually("\(members) stream from h1", within: .seconds(30)) {
                let rows = try await hosts.sql(
                    "h1", "select application_name from pg_stat_replication where state = 'streaming' order by 1")
                return rows.split(separator: "\n").map(String.init) == members
            }
        }
    }
}
