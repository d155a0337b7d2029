import AgentFixture
import Cluster
import Glibc
import JSON
import Testing
import Timekeeping

/// New clusters with the real programs on this host.
@Suite(.timeLimit(.minutes(5)), .serialized) struct BootstrapLifeTests {
    @Test func emptyDirectoriesBecomeAClusterWithSlotsAndCallbacks() async throws {
        try await withAgents(["a", "b"]) { cluster in
            let section = """
                bootstrap:
                  dcs:
                    ttl: 6
                    loop_wait: 2
                    retry_timeout: 2
                    slots: {backup: {type: physical}}
                    postgresql:
                      use_pg_rewind: true
                      parameters: {max_connections: 60}
                  initdb: [data-checksums, no-sync, {encoding: UTF8}]
                  post_bootstrap: \(cluster.root)/post
                """
            try cluster.write("#!/bin/sh\npsql -qd \"$1\" -c 'create table made (n int)'\n", to: "post", mode: 0o755)
            try cluster.write("#!/bin/sh\necho \"$@\" >> \"$0.$3.log\"\n", to: "told", mode: 0o755)
            for name in cluster.members {
                let callbacks = """
                      callbacks:
                        on_start: \(cluster.root)/told
                        on_role_change: \(cluster.root)/told
                        on_restart: \(cluster.root)/told
                    """
                let text = cluster.configuration(name, postgresql: callbacks, more: section, isAdopted: false)
                try cluster.write(text, to: "\(name).yml")
            }
            for name in cluster.members { try cluster.startAgent(name) }
            try await cluster.eventually("one leads and the other streams from it", within: .seconds(60)) {
                guard let leader = try await cluster.view().leader?.name else { return false }
                let other = leader == "a" ? "b" : "a"
                guard await cluster.isUp(leader, "/primary") else { return false }
                return await cluster.streams(other)
            }
            let view = try await cluster.view()
            let leader = try #require(view.leader?.name)
            let other = leader == "a" ? "b" : "a"
            let identifier = try await cluster.sql(leader, "select system_identifier from pg_control_system()")
            #expect(view.initialize == identifier)
            #expect(view.config?.value["slots"] == ["backup": ["type": "physical"]])
            #expect(try await cluster.sql(other, "select count(*) from made") == "0", "post_bootstrap has run")
            #expect(try await cluster.sql(leader, "show max_connections") == "60")
            #expect(try await cluster.sql(leader, "show cluster_name") == "demo")
            #expect(try await cluster.sql(leader, "show data_checksums") == "on")

            for name in cluster.members {
                try await cluster.eventually("\(name) has the permanent slot and the other's") {
                    let text = "select string_agg(slot_name, ' ' order by slot_name) from pg_replication_slots"
                    let slots = try await cluster.sql(name, text)
                    return slots == (name == "a" ? "b backup" : "a backup")
                }
            }
            try await cluster.eventually("status has the slots") {
                try await cluster.view().status.slots.keys.sorted() == ["a", "b", "backup"]
            }
            #expect(try await cluster.view().status.retainSlots == ["a", "b"])

            // The operator's programs hear of it.
            #expect(try await cluster.ask(other, "POST", "/restart").0 == 200)
            try await cluster.eventually("\(other) streams again") { await cluster.streams(other) }
            let (status, text) = try await cluster.ask(leader, "POST", "/switchover", ["leader": .string(leader)])
            #expect(status == 200, "\(text)")
            try await cluster.eventually("the callbacks have run") {
                let lines = Set(cluster.text("told.demo.log").split(separator: "\n").map(String.init))
                return lines.isSuperset(of: [
                    "on_start primary demo", "on_start replica demo", "on_restart replica demo",
                    "on_role_change primary demo", "on_role_change replica demo",
                ])
            }
        }
    }
}
