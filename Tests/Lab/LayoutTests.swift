import Foundation
import JSON
import Testing

extension LabSuite {
    /// Servers that have grown for ten years.
    @Suite(.serialized)
    struct Layout {
        let hosts = Hosts()

        private func adopt(_ inventory: String, _ plan: String) async throws {
            let planned = try await hosts.pgadopt("plan", inventory, "--out", plan)
            #expect(planned.status == 2, "\(planned.output)")
            let applied = try await hosts.pgadopt("apply", plan, "--yes", deadline: .seconds(300))
            try #require(applied.status == 0, "\(applied.output)")
        }

        /// What a copy must have, too.
        private static let contents = """
            select count(*) from pg_class where relname like 'many\\_%';
            select count(*) from pg_largeobject_metadata;
            select sum(n) from in_one; select sum(n) from in_two;
            select spcname from pg_tablespace order by 1; select datname from pg_database order by 1;
            show max_connections; show archive_mode; show wal_level
            """
        private static let slots = """
            select slot_name, slot_type, restart_lsn is not null from pg_replication_slots
            where slot_name in ('consumer', 'somebodys_backup') order by 1
            """

        private func places(_ host: String) async throws -> String {
            try await hosts.shell(host, """
                readlink /var/lib/postgresql/15/main/pg_wal
                readlink /var/lib/postgresql/15/main/pg_tblspc/* | sort
                """)
        }

        @Test func `tablespaces, WAL on another disk, archiving, slots of others and an etcd with certificates are kept`()
            async throws
        {
            try await hosts.lab("up", "--fresh", "--with", "old-server", "--with", "store-tls", deadline: .seconds(240))
            let postmaster = try await hosts.postmaster("h1")
            let state = try await hosts.serverState("h1")
            let before = try await Condition.configurations(hosts)
            let contents = try await hosts.sql("h1", "\\c bench\n" + Self.contents)
            #expect(contents.contains("5000") && contents.contains("1000"), "\(contents)")
            let slots = try await hosts.sql("h1", Self.slots)
            let layout = try await places("h1")
            // The other disk is there on h2, and on h3 it is not.
            let disk = "install -d -o postgres -g postgres -m 700 /srv/wal/main"
            try await hosts.shell("h2", disk)
            let archive = "install -d -o postgres -g postgres -m 700 /srv/archive"
            for host in ["h2", "h3"] { try await hosts.shell(host, archive) }

            try await adopt(hosts.inventory, hosts.plan)
            let released = try await hosts.pgadopt(
                "release", hosts.plan, "--replicas", "remove", "--yes", deadline: .seconds(180))
            #expect(released.status == 0, "\(released.output)")
            let stateAfter = try await hosts.serverState("h1")
            #expect(stateAfter == state)
            for (host, files) in try await Condition.configurations(hosts) {
                #expect(files == before[host], "\(host)")
            }

            try await adopt(hosts.inventory, hosts.plan)
            try await eventually("both replicas stream", within: .seconds(60)) { await hosts.isWhole() }
            let now = try await hosts.postmaster("h1")
            #expect(now == postmaster)
            for host in Hosts.all {
                let found = try await hosts.sql(host, "\\c bench\n" + Self.contents)
                #expect(found == contents, "\(host)")
                let places = try await places(host)
                #expect(places == (host == "h3" ? String(layout.dropFirst("/srv/wal/main\n".count)) : layout), "\(host)")
            }
            let slotsAfter = try await hosts.sql("h1", Self.slots)
            #expect(slotsAfter == slots)
            let verified = try await hosts.pgadopt("verify", hosts.inventory)
            #expect(verified.status == 0, "\(verified.output)")

            try await hosts.handLead(to: "h2")
            let archived = try await hosts.sql("h2", """
                \\c bench
                insert into in_two values (1);
                select pg_switch_wal() is not null
                """)
            #expect(archived == "t")
            try await eventually("the new leader archives", within: .seconds(30)) {
                try await hosts.sql("h2", "select archived_count > 0 and failed_count = 0 from pg_stat_archiver") == "t"
            }
        }

        /// A second server in h1, with a data directory, port and key of its own, not made by Debian's rules.
        private func startSecondServer() async throws {
            try await hosts.shell("h1", """
                set -e
                install -d -o postgres -g postgres -m 700 /srv/pg
                pg_createcluster 15 second --port 6543 --datadir /srv/pg/second --locale C.UTF-8 -- -k >/dev/null
                conf=/etc/postgresql/15/second keys=/etc/own-keys
                install -d -o postgres -g postgres -m 700 $keys
                openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=second \
                  -keyout $keys/server.key -out $conf/server.pem 2>/dev/null
                chown postgres:postgres $keys/server.key $conf/server.pem
                chmod 600 $keys/server.key
                install -d -o postgres -g postgres $conf/conf.d
                cat > $conf/conf.d/own.conf <<'END'
                listen_addresses = '*'
                ssl = on
                ssl_cert_file = '/etc/postgresql/15/second/server.pem'
                ssl_key_file = '/etc/own-keys/server.key'
                max_connections = 1000
                END
                systemctl start postgresql@15-second
                """)
        }

        /// Its second replica is copied from the first, and all copies are packed on the way.
        private static let options = "      rest_port: 8009\n      compress: zstd\n      clone_from: replica\n"

        /// The cluster `second` beside `main`, with the ways to its replicas through the primary's host.
        private func writeInventories() async throws -> String {
            let text = try String(contentsOfFile: hosts.inventory, encoding: .utf8)
            let both = text.replacingOccurrences(of: "    ssh:\n", with: "    postgres:\n      port: 5432\n    ssh:\n")
            let start = try #require(both.range(of: "  main:\n"))
            let jump = try await hosts.shell("h1", "hostname -I").split(separator: " ").first.map(String.init) ?? ""
            var second = "  second:\n" + both[start.upperBound...]
                .replacingOccurrences(of: "port: 5432", with: "port: 6543")
                .replacingOccurrences(of: "max_rate: 40MB\n", with: "max_rate: 40MB\n\(Self.options)")
            for host in ["h2", "h3"] {
                second = second.replacingOccurrences(
                    of: "      \(host):\n", with: "      \(host):\n        ssh: {jump: \"dba@\(jump)\"}\n")
            }
            let path = hosts.directory.appendingPathComponent("both.yaml").path
            try (both + second).write(toFile: path, atomically: true, encoding: .utf8)
            return path
        }

        private func isWhole(_ inventory: String, _ cluster: String) async -> Bool {
            guard let listed = try? await hosts.pgadopt("list", inventory, "--cluster", cluster, "--json"),
                listed.status == 0, let start = listed.output.firstIndex(of: "{"),
                let json = try? JSON(parsing: String(listed.output[start...]))
            else { return false }
            let members = json["members"]?.array ?? []
            return members.count == 3 && members.count { $0["state"]?.string == "streaming" } == 2
        }

        private func agent(_ host: String, _ cluster: String) async throws -> String {
            try await hosts.shell(host, "systemctl show -p ActiveState,MainPID pgadopt-agent@\(cluster) | sort")
        }

        @Test func `two servers of one host are two clusters, and to give one back leaves the other alone`() async throws {
            try await hosts.fresh()
            try await startSecondServer()
            let process = "sed -n 1,3p /srv/pg/second/postmaster.pid"
            let secondProcess = try await hosts.shell("h1", process)
            let mainProcess = try await hosts.postmaster("h1")
            let inventory = try await writeInventories()
            let plans = ["main", "second"].map { hosts.directory.appendingPathComponent("\($0).json").path }
            for (cluster, plan) in zip(["main", "second"], plans) {
                let planned = try await hosts.pgadopt("plan", inventory, "--cluster", cluster, "--out", plan)
                try #require(planned.status == 2, "\(planned.output)")
                #expect(planned.output.contains("h1 is spared") == (cluster == "second"), "\(planned.output)")
                let applied = try await hosts.pgadopt("apply", plan, "--yes", deadline: .seconds(300))
                try #require(applied.status == 0, "\(applied.output)")
            }
            for cluster in ["main", "second"] {
                try await eventually("\(cluster) is whole", within: .seconds(60)) { await isWhole(inventory, cluster) }
                let verified = try await hosts.pgadopt("verify", inventory, "--cluster", cluster)
                #expect(verified.status == 0, "\(verified.output)")
            }
            let secondNow = try await hosts.shell("h1", process)
            #expect(secondNow == secondProcess)
            let mainNow = try await hosts.postmaster("h1")
            #expect(mainNow == mainProcess)
            // Its key lies outside the data directory, and a replica needs it to start.
            let secure = try await hosts.shell("h2", """
                cd /; runuser -u postgres -- psql -XAtq -p 6543 -c 'show ssl' -c 'show max_connections'
                readlink -f /proc/$(head -n 1 /srv/pg/second/postmaster.pid)/cwd
                """)
            #expect(secure == "on\n1000\n/srv/pg/second")

            let agents = try await agent("h1", "main")
            let released = try await hosts.pgadopt(
                "release", plans[1], "--replicas", "remove", "--yes", deadline: .seconds(180))
            #expect(released.status == 0, "\(released.output)")
            try await Task.sleep(for: .seconds(15))
            let last = try await hosts.shell("h1", process)
            #expect(last == secondProcess)
            let agentsNow = try await agent("h1", "main")
            #expect(agentsNow == agents && agents.contains("ActiveState=active"), "\(agentsNow)")
            #expect(await isWhole(inventory, "main"))
            let handed = try await hosts.pgadopt("switchover", inventory, "--cluster", "main", "--to", "h2", "--yes")
            #expect(handed.status == 0, "\(handed.output)")
        }
    }
}
