import Foundation
import Testing

extension LabSuite {
    /// A server whose owner has backups: replicas come from the repository, and whoever leads archives into it.
    @Suite(.serialized)
    struct Backup {
        let hosts = Hosts()

        private func rows(_ host: String) async throws -> String {
            try await hosts.sql(host, "\\c bench\nselect count(*) from since_backup")
        }

        /// Where its WAL goes, and that all of it goes there. `check` waits for a WAL file of its own in the archive.
        private func archives(_ host: String) async throws {
            try await hosts.shell(host, "cd /; runuser -u postgres -- pgbackrest --stanza=main --archive-timeout=30 check")
        }

        @Test func `replicas are restored from the owner's pgBackRest repository, now and later, and it goes on archiving`()
            async throws
        {
            try await hosts.lab("up", "--fresh", "--with", "backup", deadline: .seconds(240))
            let files = try await Condition.configurations(hosts)
            let postmaster = try await hosts.postmaster("h1")
            // This WAL is in the archive only, when the replicas begin.
            for number in 1...3 {
                try await hosts.sql("h1", """
                    \\c bench
                    create table if not exists since_backup (n int, filler text);
                    insert into since_backup select \(number), repeat('x', 1000) from generate_series(1, 1000);
                    select pg_switch_wal() is not null; checkpoint
                    """)
            }

            let planned = try await hosts.pgadopt("plan", hosts.inventory, "--out", hosts.plan)
            try #require(planned.status == 2, "\(planned.output)")
            #expect(planned.output.contains(/restore \d{8}-\d{6}F/), "\(planned.output)")
            let applied = try await hosts.pgadopt("apply", hosts.plan, "--yes", deadline: .seconds(300))
            try #require(applied.status == 0, "\(applied.output)")
            try await eventually("both replicas stream", within: .seconds(60)) { await hosts.isWhole() }
            let now = try await hosts.postmaster("h1")
            #expect(now == postmaster)
            for host in ["h2", "h3"] {
                let rows = try await rows(host)
                #expect(rows == "3000", "\(host)")
                let replayed = try await hosts.shell(
                    host, "grep -c 'restored log file' /var/log/postgresql/postgresql-15-main.log || true")
                #expect(Int(replayed) ?? 0 > 0, "\(host) has replayed nothing of the archive")
            }
            try await archives("h1")

            // The next leader writes the timeline's history and its WAL to h1, and h3 is made anew from there.
            try await hosts.handLead(to: "h2")
            try await archives("h2")
            try await hosts.shell("h3", "curl -fsS -X POST http://localhost:8008/reinitialize -d '{\"force\": true}'")
            try await eventually("h3 is restored", within: .seconds(60)) {
                try await hosts.shell("h3", "journalctl -u pgadopt-agent@main --no-pager | grep -c 'pgbackrest' || true") != "0"
            }
            try await eventually("h3 streams again", within: .seconds(90)) { await hosts.isWhole() }
            let restored = try await rows("h3")
            #expect(restored == "3000")

            try await hosts.handLead(to: "h1")
            let released = try await hosts.pgadopt(
                "release", hosts.plan, "--replicas", "remove", "--yes", deadline: .seconds(180))
            #expect(released.status == 0, "\(released.output)")
            // What a new copy replaced is the owner's to remove.
            try await hosts.shell("h3", "rm -r /var/lib/postgresql/15/main.pgadopt-*; rmdir /var/lib/postgresql/15")
            for (host, found) in try await Condition.configurations(hosts) { #expect(found == files[host], "\(host)") }
            try await archives("h1")
        }
    }
}
