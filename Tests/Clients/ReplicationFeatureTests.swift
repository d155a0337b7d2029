import AgentFixture
import Foundation
import JSON
import Testing
import Timekeeping

/// Tags, cascading and permanent slots, as clients and patronictl see them.
@Suite(.timeLimit(.minutes(10)), .serialized, .enabled(if: ClientPrograms.directory != nil, "\(ClientPrograms.absence)"))
struct ReplicationFeatureTests {
    @Test func tagsAreObeyedAndPermanentSlotsOutliveTheLeader() async throws {
        try await withAgents(["m1", "m2", "m3"]) { cluster in
            for name in cluster.members {
                try cluster.write(cluster.text("\(name).conf") + "wal_level = logical\n", to: "\(name).conf")
            }
            let tags = [
                "m2": "tags: {noloadbalance: true, clonefrom: true, colour: blue}",
                "m3": "tags: {replicatefrom: m2, nofailover: true, nosync: true}",
            ]
            for (name, text) in tags { try cluster.write(cluster.configuration(name, more: text), to: "\(name).yml") }
            try await cluster.startLegacyPrimary("m1")
            try cluster.startAgent("m1")
            try await cluster.eventually("m1 leads") { await cluster.isUp("m1", "/primary") }
            try cluster.startAgent("m2")
            try await cluster.eventually("m2 streams, and takes no readers") {
                let member = try await cluster.view().member("m2")
                let takesReaders = await cluster.isUp("m2", "/replica")
                return member?.replicationState == "streaming" && !takesReaders
            }
            try cluster.startAgent("m3")
            try await cluster.eventually("m3 streams from m2") {
                let senders = "select string_agg(application_name, ' ') from pg_stat_replication"
                let below = try await cluster.sql("m2", senders)
                // A base backup has its name, too.
                guard await cluster.streams("m3") else { return false }
                return try await cluster.sql("m1", senders) == "m2" && below == "m3"
            }
            try await looks(cluster)

            let slots: JSON = [
                "changes": ["type": "logical", "database": "postgres", "plugin": "test_decoding"],
                "keep": ["type": "physical"],
            ]
            #expect(try await cluster.ask("m1", "PATCH", "/config", ["slots": slots]).0 == 200)
            try await cluster.sql("m1", "create table rows (n int)")
            for name in ["m1", "m2"] {
                try await cluster.eventually("\(name) has the permanent slots") {
                    try await cluster.sql(name, Self.slotNames) == "changes keep"
                }
            }
            #expect(try await cluster.sql("m3", Self.slotNames) == nil, "a member that never leads needs none")

            // The standby's copy follows what consumers of the leader's have taken.
            try await cluster.sql("m1", "insert into rows values (1)")
            try await cluster.sql("m1", "select count(*) from pg_logical_slot_get_changes('changes', null, null)")
            let taken = try await cluster.sql("m1", Self.position) ?? ""
            try await cluster.eventually("m2's slot is where the leader's is") {
                // Whatever comes later brings the news of the position along.
                try await cluster.sql("m1", "insert into rows values (0)")
                return try await cluster.sql("m2", "select (\(Self.position)) >= '\(taken)'::pg_lsn") == "t"
            }

            // What was not taken before the leader died is there for the consumer of the next leader.
            try await cluster.sql("m1", "insert into rows values (42)")
            try await cluster.eventually("the row is on m2") {
                try await cluster.sql("m2", "select count(*) from rows where n = 42") == "1"
            }
            cluster.killMember("m1")
            try await cluster.eventually("m2 leads") { await cluster.isUp("m2", "/primary") }
            let found = "select count(*) from pg_logical_slot_peek_changes('changes', null, null) where data like '%]:42'"
            #expect(try await cluster.sql("m2", found) == "1")
            #expect(try await cluster.sql("m2", Self.slotNames) == "changes keep")
            try await cluster.eventually("m3 follows") { await cluster.streams("m3") }
            #expect(try await cluster.view().leader?.name == "m2", "m3 is tagged nofailover")
        }
    }

    private static let slotNames = """
        select string_agg(slot_name, ' ' order by slot_name) from pg_replication_slots where slot_name in ('changes', 'keep')
        """
    private static let position = "select confirmed_flush_lsn from pg_replication_slots where slot_name = 'changes'"

    private func looks(_ cluster: AgentHarness) async throws {
        for (name, path, isUp) in [
            ("m2", "/replica", false), ("m2", "/read-only", false), ("m2", "/health", true),
            ("m2", "/readiness", true), ("m3", "/replica", true), ("m3", "/replica?tag_nofailover=true", true),
            ("m3", "/replica?tag_nofailover=false", false), ("m1", "/replica", false),
        ] { #expect(await cluster.isUp(name, path) == isUp, "\(name) \(path)") }
        let list = try await cluster.patronictl("list").text
        for tag in ["clonefrom: true", "colour: blue", "noloadbalance: true", "replicatefrom: m2", "nosync: true"] {
            #expect(list.contains(tag), "\(list)")
        }
        let tree = try await cluster.patronictl("topology").text
        #expect(tree.contains("| + m2   |") && tree.contains("|   + m3 |"), "\(tree)")
        let refused = try await cluster.patronictl("switchover", "demo", "--leader", "m1", "--candidate", "m3", "--force")
        #expect(refused.code != 0 || !refused.text.contains("Successfully"), "\(refused.text)")
        #expect(try await cluster.view().leader?.name == "m1")
    }
}
