import AdoptFixtures
import Facts
import Inventory
import Planning
import PostgresModel
import Testing

@Suite struct BackrestPlanTests {
    private func copy(_ host: String, _ plan: Plan) throws -> BaseBackupChange {
        guard case .baseBackup(let change) = try #require(plan.step("\(host)/base-backup")).kind else {
            throw PlanningError(.missingFacts, "no copy")
        }
        return change
    }

    @Test func `A restore never brings recovery settings of its own, and never deltas into what is not ours`() throws {
        let restore = try #require(try copy("h2", BackedUpCluster.plan).restore)
        let words = restore.command(delta: false)
        #expect(words.first == "/usr/bin/pgbackrest" && words.last == "restore")
        #expect(words.contains("--type=none") && words.contains("--no-delta") && !words.contains("--delta"))
        #expect(words.contains("--pg1-path=/var/lib/postgresql/15/main") && words.contains("--process-max=4"))
        #expect(restore.command(delta: true).contains("--delta"))
    }

    @Test func `WAL that the primary has no more comes from the archive, by our include file and the agent's`() throws {
        let plan = try BackedUpCluster.plan
        guard case .configFiles(let files)? = plan.step("h2/config-files")?.kind,
            case .agent(let agent)? = plan.step("h2/agent")?.kind, case .settings(let settings)? = plan.step("h1/settings")?.kind
        else {
            Issue.record("a step is missing")
            return
        }
        let command = "/usr/bin/pgbackrest --stanza=shop --config=/etc/pgbackrest.conf "
            + "--pg1-path=/var/lib/postgresql/15/main --reset-pg1-host archive-get %f \"%p\""
        #expect(files.settings.content.contains("restore_command = '\(command)'\n"))
        let quoted = command.replacing("\"", with: "\\\"")
        #expect(agent.configuration.content.contains("restore_command: \"\(quoted)\"\n"), "\(agent.configuration.content)")
        #expect(!settings.file.content.contains("restore_command"), "a primary restores nothing")
    }

    @Test func `The agent's file names the same method for its own rebuilds, and a copy of the leader after it`() throws {
        let plan = try BackedUpCluster.plan
        for host in ["h1", "h2", "h3"] {
            guard case .agent(let agent)? = plan.step("\(host)/agent")?.kind else {
                Issue.record("no agent")
                return
            }
            let text = agent.configuration.content
            #expect(text.contains("create_replica_methods:\n    - pgbackrest\n    - basebackup\n"), "\(text)")
            #expect(text.contains("no_params: true"))
            #expect(text.contains("waldir: /srv/wal/15/main") == (host != "h3"), "\(text)")
        }
    }

    @Test func `A percent sign in a path is no placeholder of PostgreSQL`() {
        let restore = BackrestRestore(
            program: "pgbackrest", stanza: "a", configFile: "/etc/50%p.conf", dataDirectory: "/srv/it's")
        #expect(restore.walCommand == "pgbackrest --stanza=a --config=/etc/50%%p.conf '--pg1-path=/srv/it'\\''s' "
            + "--reset-pg1-host archive-get %f \"%p\"")
    }

    @Test func `Without a stanza in the inventory everything is copied, whatever is installed`() throws {
        let plan = try LegacyCluster.planner.plan(LegacyCluster.spec, BackedUpCluster.facts, [])
        #expect(try copy("h2", plan).restore == nil)
        guard case .agent(let agent)? = plan.step("h2/agent")?.kind else { return }
        #expect(!agent.configuration.content.contains("pgbackrest"))
    }

    @Test func `A plan with a restore survives its file`() throws {
        let plan = try BackedUpCluster.plan
        #expect(try Plan(decoding: plan.encoded(), file: "plan.json") == plan)
    }
}

@Suite struct WALPlaceTests {
    private func directory(_ host: String, _ spec: ClusterSpec, _ facts: ClusterFacts) throws -> String? {
        guard case .baseBackup(let change)? = try LegacyCluster.planner.plan(spec, facts, []).step("\(host)/base-backup")?.kind
        else { return "no step" }
        return change.walDirectory
    }

    @Test func `pg_wal goes where it is on the primary if the host has that place, and where the inventory says`() throws {
        var (spec, facts) = (LegacyCluster.spec, BackedUpCluster.facts)
        #expect(try directory("h2", spec, facts) == "/srv/wal/15/main")
        #expect(try directory("h3", spec, facts) == nil)
        let summary = try LegacyCluster.planner.plan(spec, facts, []).step("h3/base-backup")?.summary
        #expect(summary?.contains("its WAL too, since h3 has no /srv/wal/15/main") == true)
        facts.hosts[2].target?.walPlace?.content = .empty
        #expect(try directory("h3", spec, facts) == "/srv/wal/15/main")
        spec.hosts[2].postgres.walDirectory = "/fast/wal"
        #expect(try directory("h3", spec, facts) == "/fast/wal")
        facts.hosts[0].servers[0].details?.links = [:]
        #expect(try directory("h2", spec, facts) == nil)
        #expect(try directory("h3", spec, facts) == "/fast/wal")
    }

    @Test(arguments: [("/wal/x", "/wal/x"), ("../../wal", "/var/lib/postgresql/wal"), ("./w", "/var/lib/postgresql/15/main/w")])
    func `A relative link is one from the data directory`(_ link: String, _ place: String) {
        var server = LegacyCluster.server
        server.details = ServerDetails()
        server.details?.links = ["pg_wal": link]
        #expect(server.walDirectory == place)
    }
}
