import AgentFixture
import Foundation
import JSON
import Testing
import Timekeeping

/// A second cluster that follows the first: made from it, cascading, switched over inside, and both ways of
/// `patronictl demote-cluster` and `promote-cluster`.
@Suite(.timeLimit(.minutes(15)), .serialized, .enabled(if: ClientPrograms.directory != nil, "\(ClientPrograms.absence)"))
struct StandbyClusterTests {
    @Test func aSecondSiteFollowsTakesOverAndIsFollowed() async throws {
        try await withAgents(["m1", "m2", "d1", "d2"]) { cluster in
            try await cluster.startLegacyPrimary("m1")
            for name in ["m1", "m2"] { try cluster.startAgent(name) }
            try await cluster.eventually("the first site is whole") { await leads("m1", cluster, "m2") }
            // The slot that the second site uses is permanent: it outlives a failover of the first.
            let patched = try await cluster.ask("m1", "PATCH", "/config", ["slots": ["dr": ["type": "physical"]]])
            #expect(patched.0 == 200)
            try await cluster.sql("m1", "create table rows (n int); insert into rows values (1)")

            try writeSecondSite(cluster, "{host: 127.0.0.1, port: \(cluster.sqlPorts["m1"]!), primary_slot_name: dr}")
            try cluster.startAgent("d1")
            try await cluster.eventually("d1 leads the standby cluster") { await cluster.isUp("d1", "/standby-leader") }
            try cluster.startAgent("d2")
            try await cluster.eventually("d2 streams from d1") { await standbyLeads("d1", cluster, "d2") }
            try await lookAtStandbys(cluster)

            // Inside of the standby cluster.
            let moved = try await cluster.patronictl("switchover", "dr", "--leader", "d1", "--candidate", "d2", "--force")
            #expect(moved.text.contains("Successfully switched over to \"d2\""), "\(moved.text)")
            try await cluster.eventually("d2 leads the standby cluster") { await standbyLeads("d2", cluster, "d1") }
            try await arrives(2, from: "m1", at: ["m2", "d2", "d1"], cluster)

            // The first site gives way, the second becomes a cluster of its own: nothing is lost, nothing diverges.
            let demoted = try await cluster.patronictl(
                "demote-cluster", "demo", "--host", "127.0.0.1", "--port", "\(cluster.sqlPorts["d2"]!)", "--force")
            #expect(demoted.text.contains("cluster is successfully demoted"), "\(demoted.text)")
            try await cluster.eventually("m1 leads a standby cluster") { await standbyLeads("m1", cluster, "m2") }
            let promoted = try await cluster.patronictl("promote-cluster", "dr", "--force")
            #expect(promoted.text.contains("cluster is successfully promoted"), "\(promoted.text)")
            try await cluster.eventually("d2 leads") { await leads("d2", cluster, "d1") }
            try await arrives(3, from: "d2", at: ["d1", "m1", "m2"], cluster)
            #expect(try await cluster.view().history.isEmpty, "the first site was not promoted")
            #expect(await cluster.isUp("m1", "/primary") == false)
        }
    }

    /// The second site was promoted while the first went on: what the first wrote since is taken back, on each member.
    @Test func aSiteThatWentOnWritingIsRewoundToTheOther() async throws {
        try await withAgents(["m1", "m2", "d1"]) { cluster in
            try await cluster.startLegacyPrimary("m1")
            for name in ["m1", "m2"] { try cluster.startAgent(name) }
            try await cluster.eventually("the first site is whole") { await leads("m1", cluster, "m2") }
            try await cluster.sql("m1", "create table rows (n int); insert into rows values (1)")
            try writeSecondSite(cluster, "{host: 127.0.0.1, port: \(cluster.sqlPorts["m1"]!)}")
            try cluster.startAgent("d1")
            try await cluster.eventually("d1 leads the standby cluster") { await cluster.isUp("d1", "/standby-leader") }
            try await arrives(2, from: "m1", at: ["m2", "d1"], cluster)

            let promoted = try await cluster.patronictl("promote-cluster", "dr", "--force")
            #expect(promoted.text.contains("cluster is successfully promoted"), "\(promoted.text)")
            try await arrives(3, from: "m1", at: ["m2"], cluster)
            let follow: JSON = ["standby_cluster": ["host": "127.0.0.1", "port": .int(Int64(cluster.sqlPorts["d1"]!))]]
            #expect(try await cluster.ask("m1", "PATCH", "/config", follow).0 == 200)
            try await cluster.eventually("m1 leads a standby cluster") { await standbyLeads("m1", cluster, "m2") }
            try await arrives(4, from: "d1", at: ["m1", "m2"], cluster)
            for name in ["m1", "m2"] {
                #expect(try await cluster.sql(name, "select string_agg(n::text, ' ' order by n) from rows") == "1 2 4")
                #expect(cluster.log(name).contains("begin: pg_rewind from"), "\(name) was not copied")
            }
        }
    }

    /// Without a server to stream from: the log comes from an archive, and nobody is promoted for the lack of one.
    @Test func aStandbyClusterMayLiveFromAnArchiveAlone() async throws {
        try await withAgents(["m1", "d1"]) { cluster in
            let archive = "\(cluster.root)/archive"
            try await cluster.startLegacyPrimary("m1")
            try cluster.startAgent("m1")
            try await cluster.eventually("m1 leads") { await cluster.isUp("m1", "/primary") }
            let parameters: JSON = ["archive_mode": "on", "archive_command": .string("mkdir -p \(archive) && cp %p \(archive)/%f")]
            #expect(try await cluster.ask("m1", "PATCH", "/config", ["postgresql": ["parameters": parameters]]).0 == 200)
            try await cluster.eventually("m1 waits for a restart") {
                try await cluster.view().member("m1")?.pendingRestart == true
            }
            #expect(try await cluster.ask("m1", "POST", "/restart").0 == 200)
            try await cluster.sql("m1", "create table rows (n int); insert into rows values (1)")

            let fetch = """
                #!/bin/sh
                case "$*" in *--connstring=) ;; *) echo "unexpected: $*" >&2; exit 1;; esac
                exec \(AgentHarness.bin)/pg_basebackup -D \(cluster.root)/d1 -h 127.0.0.1 \
                  -p \(cluster.sqlPorts["m1"]!) -U postgres -X none -c fast
                """
            try cluster.write(fetch, to: "fetch", mode: 0o755)
            try writeSecondSite(
                cluster, "{restore_command: 'cp \(archive)/%f %p', create_replica_methods: [fetch]}",
                postgresql: "  fetch: {command: \(cluster.root)/fetch, no_leader: true}")
            try cluster.startAgent("d1")
            // The copy becomes consistent with what the archive brings; the primary must end a segment for that.
            try await cluster.eventually("d1 leads the standby cluster") {
                try await cluster.sql("m1", "insert into rows values (0); select pg_switch_wal()")
                return await cluster.isUp("d1", "/standby-leader")
            }
            try await cluster.sql("m1", "insert into rows values (2)")
            try await cluster.sql("m1", "select pg_switch_wal()")
            try await cluster.eventually("the row comes by the archive") {
                try await cluster.sql("d1", "select count(*) from rows where n = 2") == "1"
            }
            #expect(try await cluster.sql("d1", "select pg_is_in_recovery()") == "t")
            #expect(try await cluster.sql("d1", "show primary_conninfo") == "")
            try await cluster.eventually("its way is told") {
                try await cluster.ask("d1", "GET", "/patroni").1.contains(#""replication_state": "in archive recovery""#)
            }
            #expect(try await cluster.ask("d1", "GET", "/metrics").1.contains("patroni_postgres_in_archive_recovery{scope=\"dr\",name=\"d1\"} 1"))
            let list = try await cluster.patronictl("list", "dr").text
            #expect(list.contains("Standby Leader") && list.contains("in archive recovery"), "\(list)")

            let promoted = try await cluster.patronictl("promote-cluster", "dr", "--force")
            #expect(promoted.text.contains("cluster is successfully promoted"), "\(promoted.text)")
            #expect(try await cluster.sql("d1", "select count(*) from rows where n = 2") == "1")
        }
    }

    // MARK: Parts

    /// Empty directories of a scope of their own.
    private func writeSecondSite(_ cluster: AgentHarness, _ standby: String, postgresql: String = "") throws {
        let section = """
            bootstrap:
              dcs:
                ttl: 6
                loop_wait: 2
                retry_timeout: 2
                standby_cluster: \(standby)
                postgresql: {use_pg_rewind: true}
            """
        for name in cluster.members where name.hasPrefix("d") {
            let text = cluster.configuration(name, postgresql: postgresql, more: section, isAdopted: false)
            try cluster.write(text.replacing("scope: demo", with: "scope: dr"), to: "\(name).yml")
        }
    }

    private func leads(_ leader: String, _ cluster: AgentHarness, _ other: String) async -> Bool {
        guard await cluster.isUp(leader, "/primary") else { return false }
        return await cluster.streams(other)
    }

    private func standbyLeads(_ leader: String, _ cluster: AgentHarness, _ other: String) async -> Bool {
        let state = "/standby-leader?replication_state=streaming"
        guard await cluster.isUp(leader, state), await cluster.streams(other),
            let senders = try? await cluster.sql(leader, "select count(*) from pg_stat_replication where application_name = '\(other)'")
        else { return false }
        return senders == "1"
    }

    private func arrives(_ row: Int, from leader: String, at others: [String], _ cluster: AgentHarness) async throws {
        try await cluster.sql(leader, "insert into rows values (\(row))")
        for name in others {
            try await cluster.eventually("row \(row) is on \(name)") {
                try await cluster.sql(name, "select count(*) from rows where n = \(row)") == "1"
            }
        }
    }

    private func lookAtStandbys(_ cluster: AgentHarness) async throws {
        for (name, path, isUp) in [
            ("d1", "/leader", true), ("d1", "/primary", false), ("d1", "/read-write", false), ("d1", "/replica", false),
            ("d1", "/read-only", true), ("d2", "/replica", true), ("d2", "/standby-leader", false), ("d2", "/leader", false),
        ] { #expect(await cluster.isUp(name, path) == isUp, "\(name) \(path)") }
        #expect(try await cluster.ask("d1", "GET", "/patroni").1.contains(#""role": "standby_leader""#))
        #expect(try await cluster.ask("d1", "GET", "/metrics").1.contains("patroni_standby_leader{scope=\"dr\",name=\"d1\"} 1"))
        let list = try await cluster.patronictl("list", "dr").text
        #expect(list.contains("Standby Leader") && list.contains("Replica"), "\(list)")
        try await cluster.eventually("the slot of the first site is used") {
            try await cluster.sql("m1", "select active from pg_replication_slots where slot_name = 'dr'") == "t"
        }
        let writing = try await cluster.patronictl("query", "dr", "-m", "d1", "-U", "postgres", "-d", "postgres", "-c", "create table no (n int)")
        #expect(writing.text.contains("25006"), "a read-only transaction: \(writing.text)")
    }
}
