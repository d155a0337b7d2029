import Foundation
import Testing

extension LabSuite {
    /// Everything that `check` and `plan` could have written, before and after, by `scripts/fingerprint`.
    @Suite(.serialized)
    struct ReadOnly {
        let hosts = Hosts()

        /// A host's disk without volatile places. The upper directory holds what the host has ever written; all else
        /// is this machine's own disk, which the host cannot write.
        private func disk(_ host: String) async throws -> String {
            // What is only in memory there: nothing of ours may stay.
            let memory = try await hosts.lab("exec", host, "sh", "-c", script(), "fingerprint", "host", "/tmp")
            let upper = hosts.directory.appendingPathComponent("\(host)/upper").path
            let ended = try await Program.run(["sh", "scripts/fingerprint", "host", upper])
            guard ended.status == 0 else { throw Hosts.Failed(description: "fingerprint: \(ended.output)") }
            return ended.output + memory
        }

        private func script() throws -> String {
            try String(
                contentsOf: Program.repository.appendingPathComponent("scripts/fingerprint"), encoding: .utf8)
        }

        private func store() async throws -> String {
            try await hosts.lab("exec", "h1", "sh", "-c", script(), "fingerprint", "store", "127.0.0.1:2379")
        }

        private func server() async throws -> String {
            try await hosts.lab(
                "exec", "h1", "runuser", "-u", "postgres", "--", "sh", "-c", script(), "fingerprint", "server",
                "/var/run/postgresql", "5432")
        }

        /// Lines that are in one and not in the other.
        private func difference(_ before: String, _ after: String) -> [Substring] {
            Set(before.split(separator: "\n")).symmetricDifference(after.split(separator: "\n")).sorted()
        }

        /// A server without work of its own.
        private func quiet() async throws {
            try await hosts.shell("h1", """
                set -e
                cd /; runuser -u postgres -- psql -Xqc 'ALTER SYSTEM SET autovacuum = off' -c 'SELECT pg_reload_conf()'
                runuser -u postgres -- vacuumdb -aqz
                runuser -u postgres -- psql -Xqc CHECKPOINT
                """)
        }

        private func position(_ counted: String) throws -> String {
            let line = counted.split(separator: "\n").first { $0.hasPrefix("wal|") }
            return String(try #require(line).dropFirst("wal|".count))
        }

        /// Kinds of WAL records between two positions that are not the server's own housekeeping: whoever reads a page
        /// first notes on it whose transactions have ended, and clears it of rows that nobody can see any more.
        private func foreignRecords(_ start: String, _ end: String) async throws -> [Substring] {
            if start == end { return [] }
            let text = try await hosts.shell("h1", """
                cd /; runuser -u postgres -- /usr/lib/postgresql/15/bin/pg_waldump -p /var/lib/postgresql/15/main/pg_wal \
                  -s \(start) -e \(end) | sed 's/^rmgr: *\\([A-Za-z0-9]*\\) .* desc: \\([A-Z_+]*\\).*/\\1 \\2/' | sort -u
                """)
            let own: Set<Substring> = [
                "XLOG FPI_FOR_HINT", "Heap2 PRUNE", "Standby RUNNING_XACTS", "XLOG CHECKPOINT_ONLINE",
            ]
            return text.split(separator: "\n").filter { !own.contains($0) }
        }

        @Test func `check and plan write no file on any host, no key, and no row`() async throws {
            try await hosts.fresh()
            try await quiet()
            var disks: [String: String] = [:]
            for host in Hosts.all { disks[host] = try await disk(host) }
            let keys = try await store()
            let counted = try await server()
            #expect(disks["h1"]?.contains("postgresql.conf") == true && counted.contains("rows|bench|"))

            let checked = try await hosts.pgadopt("check", hosts.inventory)
            // 2: warnings, which a legacy server has.
            #expect([0, 2].contains(checked.status), "\(checked.output)")
            let page = hosts.directory.appendingPathComponent("plan.html").path
            let planned = try await hosts.pgadopt("plan", hosts.inventory, "--out", hosts.plan, "--html", page)
            #expect(planned.status == 2, "\(planned.output)")
            let fleet = try await hosts.pgadopt("check", hosts.inventory, "--all")
            #expect([0, 2].contains(fleet.status), "\(fleet.output)")

            let countedNow = try await server()
            #expect(difference(counted, countedNow).filter { !$0.hasPrefix("wal|") } == [])
            let records = try await foreignRecords(position(counted), position(countedNow))
            #expect(records == [])
            let keysNow = try await store()
            #expect(difference(keys, keysNow) == [])
            for host in Hosts.all {
                let now = try await disk(host)
                #expect(difference(disks[host] ?? "", now) == [], "\(host)")
            }
            try await proveThatWritesShow(disks, keys, counted)
        }

        /// One write of each kind is seen.
        private func proveThatWritesShow(
            _ disks: [String: String], _ keys: String, _ counted: String
        ) async throws {
            try await hosts.shell("h1", "ETCDCTL_API=3 etcdctl put /somebody was-here; ETCDCTL_API=3 etcdctl del /somebody")
            let keysNow = try await store()
            #expect(keysNow != keys)
            try await hosts.shell("h1", "cd /; runuser -u postgres -- psql -Xqc 'CREATE ROLE somebody'")
            let countedNow = try await server()
            #expect(difference(counted, countedNow).contains { !$0.hasPrefix("wal|") })
            let records = try await foreignRecords(position(counted), position(countedNow))
            #expect(records.contains("Transaction COMMIT"), "\(records)")
            for (host, act) in [("h1", "touch /tmp/left-behind"), ("h1", "touch /opt/left-behind"), ("h2", "chmod 700 /srv"), ("h3", "rm /etc/issue.net")] {
                try await hosts.shell(host, act)
                let now = try await disk(host)
                #expect(now != disks[host], "\(host): \(act)")
            }
        }
    }
}
