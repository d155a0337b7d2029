import Certificates
import Glibc
import Kernel
import Logging
import Relay
import Testing
import Timekeeping

/// PostgreSQL's own programs through the relay, against a server that listens on its unix socket only.
@Suite(.serialized) struct RelayTests {
    @Test func aReplicaIsBuiltAndStreams() async throws {
        try await withServer { server in
            try await server.relayed { keeper, port in
                let copy = "\(server.directory)/copy"
                let backup = server.shell(
                    "pg_basebackup -D \(copy) -X stream -c fast -R -C -S h2 -w "
                        + "-d \"\(server.connection(port, "application_name=h2"))\"")
                #expect(backup.status == 0, "\(backup.output)")
                let socket = "\(server.directory)/standby"
                let start = server.shell(
                    "sh -c \"mkdir \(socket) && pg_ctl -D \(copy) -w -l \(copy)/log "
                        + "-o '-k \(socket) -c listen_addresses=' start\"")
                #expect(start.status == 0, "\(start.output)")
                #expect(server.sql("create table t as select 7 as n") == "")
                try await server.until("the row is replayed") { server.sql("select n from t", on: socket) == "7" }
                #expect(server.sql("select application_name, state, client_addr is null from pg_stat_replication")
                    == "h2|streaming|t")
                if case .serving(_, let carried, _) = await keeper.status { #expect(carried == 1) }
                // The relay ends; the standby finds it again when it is back.
                #expect(server.shell("pg_ctl -D \(copy) -w -m fast stop").status == 0)
                try await server.until("the sender has gone") {
                    server.sql("select count(*) from pg_stat_replication") == "0"
                }
            }
        }
    }

    /// Many megabytes both ways of the pipe: nothing is lost, doubled or out of order.
    @Test func aCopyIsWholeHoweverLarge() async throws {
        try await withServer { server in
            #expect(server.sql("create table big as select n, repeat(md5(n::text), 40) as t "
                + "from generate_series(1, 60000) n") == "")
            try await server.relayed { _, port in
                let copy = "\(server.directory)/copy"
                let backup = server.shell(
                    "pg_basebackup -D \(copy) -X stream -c fast -w -d \"\(server.connection(port))\"")
                #expect(backup.status == 0, "\(backup.output)")
                let verify = server.shell("pg_verifybackup \(copy)")
                #expect(verify.status == 0, "\(verify.output)")
            }
        }
    }

    @Test func whatIsNoPhysicalReplicationIsRefusedInWords() async throws {
        try await withServer { server in
            try await server.relayed { _, port in
                let plain = server.shell("psql -w -c 'select 1' \"\(server.connection(port, "dbname=shop"))\"")
                #expect(plain.status == 2)
                #expect(plain.output.contains(
                    "FATAL:  the replication relay of pgadopt carries physical replication only, and this connection "
                        + "asks for the database 'shop'"))
                #expect(plain.output.contains("over its unix socket"))
                let logical = server.shell(
                    "psql -w -c 'select 1' \"\(server.connection(port, "dbname=postgres replication=database"))\"")
                #expect(logical.output.contains("asks for replication='database'"))
                let other = server.shell(
                    "psql -w -c IDENTIFY_SYSTEM \"\(server.connection(port, "replication=true user=postgres"))\"")
                #expect(other.output.contains("lets in repl only, and this connection is for 'postgres'"))
                let own = server.identify(port)
                #expect(own.status == 0, "\(own.output)")
                // The password is asked for as ever.
                let wrong = server.shell(
                    "sh -c \"PGPASSWORD=wrong psql -w -c IDENTIFY_SYSTEM "
                        + "'\(server.connection(port, "replication=true passfile=/nowhere"))'\"")
                #expect(wrong.output.contains("password authentication failed"), "\(wrong.output)")
            }
        }
    }

    /// Why pg_rewind is not carried: it is an ordinary SQL connection, and what it does in it is more than a
    /// replication connection takes.
    @Test func pgRewindNeedsMoreThanAReplicationConnection() async throws {
        try await withServer { server in
            try await server.relayed { _, port in
                let rewind = server.shell(
                    "pg_rewind -D \(server.directory)/data "
                        + "--source-server \"\(server.connection(port, "dbname=postgres"))\"")
                #expect(rewind.output.contains("physical replication only"), "\(rewind.output)")
                RelayTests.write("select 1;\n", "\(server.directory)/script")
                let extended = server.shell(
                    "pgbench -n -t 1 -M extended -f \(server.directory)/script "
                        + "\"host=\(server.directory) dbname=postgres replication=database\"")
                #expect(extended.output.contains("extended query protocol not supported in a replication connection"))
            }
        }
    }

    private static func write(_ text: String, _ path: String) {
        let file = fopen(path, "w")
        if let file {
            fputs(text, file)
            fclose(file)
            chmod(path, 0o644)
        }
    }

    @Test func onlyCertificatesOfTheAuthorityAreLetIn() async throws {
        try await withServer { server in
            try await server.relayed { _, port in
                let command = "psql -w -Atc IDENTIFY_SYSTEM "
                let clear = server.shell(
                    command + "\"host=127.0.0.1 port=\(port) user=repl sslmode=disable replication=true\"")
                #expect(clear.output.contains("speaks TLS with client certificates only"), "\(clear.output)")
                let bare = server.shell(
                    command + "\"host=127.0.0.1 port=\(port) user=repl sslmode=require replication=true "
                        + "passfile=\(server.directory)/passfile sslcert=/nowhere sslkey=/nowhere\"")
                #expect(bare.status == 2, "\(bare.output)")
                let stranger = try CertificateAuthority.make(name: "relay", now: RelayedServer.now, days: 3)
                try server.writeCertificates(server.authority, client: stranger)
                let foreign = server.identify(port)
                #expect(foreign.status == 2)
                #expect(foreign.output.contains("SSL"), "\(foreign.output)")
            }
        }
    }

    /// However pg_hba.conf is changed later: what trusts the socket opens nothing to the network.
    @Test func aServerThatAsksForNoPasswordIsNotRelayed() async throws {
        try await withServer { server in
            for method in ["trust", "peer"] {
                try RelayedServer.put(RelayedServer.hba(method), "\(server.directory)/data/pg_hba.conf")
                #expect(server.sql("select pg_reload_conf()") == "t")
                try await server.relayed { _, port in
                    let words = method == "trust" ? "let the relay in without a password" : "Peer authentication failed"
                    try await server.until("the rule is in force") {
                        server.identify(port).output.contains(words)
                    }
                }
            }
        }
    }

    @Test func renewedCertificatesAreShownToNewConnections() async throws {
        try await withServer { server in
            try await server.relayed { keeper, port in
                #expect(server.identify(port).status == 0)
                let next = try CertificateAuthority.make(name: "next", now: RelayedServer.now, days: 9)
                try server.writeCertificates(next)
                #expect(server.identify(port).status == 2)
                // As the agent's cycle does.
                await keeper.keep(server.settings, grace: .zero, now: RelayedServer.clock.now)
                let renewed = server.identify(port)
                #expect(renewed.status == 0, "\(renewed.output)")
                // Broken files change nothing.
                try RelayedServer.put("no certificate", "\(server.directory)/relay.pem")
                await keeper.keep(server.settings, grace: .zero, now: RelayedServer.clock.now)
                #expect(server.identify(port).status == 0)
            }
        }
    }

    @Test func aServerThatIsDownIsToldAndTheRelayStays() async throws {
        let server = try await RelayedServer()
        try await server.relayed { keeper, port in
            #expect(server.shell("pg_ctl -D data -w -m immediate stop").status == 0)
            let answer = server.identify(port)
            #expect(answer.output.contains(".s.PGSQL.5432 does not answer"), "\(answer.output)")
            guard case .serving = await keeper.status else {
                Issue.record("the relay has ended")
                return
            }
        }
        _ = system("rm -rf \(server.directory)")
    }

    @Test func theRelayStaysForAGraceAndEndsThen() async throws {
        try await withServer { server in
            try await server.relayed { keeper, port in
                let start = RelayedServer.clock.now
                await keeper.keep(nil, grace: .seconds(30), now: start)
                #expect(server.identify(port).status == 0)
                await keeper.keep(nil, grace: .seconds(30), now: start + .seconds(29))
                #expect(server.identify(port).status == 0)
                #expect(await keeper.keep(nil, grace: .seconds(30), now: start + .seconds(30)) == .off)
                #expect(server.identify(port).status == 2)
            }
        }
    }

    @Test func aPortInUseIsSaidAndTriedAgain() async throws {
        try await withServer { server in
            try await server.relayed { keeper, port in
                let second = RelayKeeper(log: .init(label: "test") { _ in SwiftLogNoOpLogHandler() })
                var settings = server.settings
                settings.port = port
                let status = await second.keep(settings, grace: .zero, now: RelayedServer.clock.now)
                guard case .failed(let error) = status else {
                    Issue.record("it serves: \(status)")
                    return
                }
                #expect(error.code == .address)
                #expect(error.message.contains("127.0.0.1:\(port)"))
                await keeper.stop()
                let later = await second.keep(settings, grace: .zero, now: RelayedServer.clock.now)
                guard case .serving = later else {
                    Issue.record("it does not serve: \(later)")
                    return
                }
                await second.stop()
            }
        }
    }
}
