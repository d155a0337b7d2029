import AdoptFixtures
import Facts
import Inventory
import Planning
import PostgresModel
import Testing

@Suite struct PlannerTests {
    @Test func `Steps come in hand-over order`() throws {
        let ids = try LegacyCluster.plan.steps.map(\.id)
        #expect(
            ids == [
                "h1/lock", "h1/backup", "h1/bundle", "h2/bundle", "h3/bundle", "h1/secrets", "h2/secrets", "h3/secrets",
                "h1/roles", "h1/hba", "h1/settings", "h1/store", "h1/legacy-unit", "h1/agent",
                "h2/slot", "h2/base-backup", "h2/config-files", "h2/legacy-unit", "h2/agent", "h2/streaming",
                "h3/slot", "h3/base-backup", "h3/config-files", "h3/legacy-unit", "h3/agent", "h3/streaming",
                "h1/verify", "h1/unlock",
            ])
    }

    @Test func `Every prerequisite is an earlier step`() throws {
        var done: Set<String> = []
        for step in try LegacyCluster.plan.steps {
            #expect(done.isSuperset(of: step.prerequisites), "\(step.id) needs \(step.prerequisites)")
            done.insert(step.id)
        }
        let plan = try LegacyCluster.plan
        #expect(plan.step("h2/slot")?.prerequisites == ["h1/agent"])
        #expect(plan.step("h1/verify")?.prerequisites == ["h1/agent", "h2/streaming", "h3/streaming"])
    }

    @Test func `The same facts give the same plan, and a plan survives its file`() throws {
        let plan = try LegacyCluster.plan
        #expect(try plan == LegacyCluster.plan)
        #expect(try Plan(decoding: plan.encoded(), file: "plan.json") == plan)
    }

    @Test func `A plan file that was cut off is refused with its name`() throws {
        let bytes = try LegacyCluster.plan.encoded()
        let error = #expect(throws: PlanningError.self) {
            try Plan(decoding: Array(bytes.dropLast(100)), file: "plan.json")
        }
        #expect(error?.message.contains("plan.json") == true)
    }

    @Test func `Restart-only values are the running ones`() throws {
        guard case .settings(let change)? = try LegacyCluster.plan.step("h1/settings")?.kind else {
            Issue.record("no settings step")
            return
        }
        #expect(change.file.path == "/etc/postgresql/15/main/conf.d/zz-pgadopt.conf")
        #expect(change.file.content.contains("max_connections = '250'"))
        #expect(change.file.content.contains("wal_level = 'logical'"))
        #expect(change.settings.filter { $0.isReloadable }.map(\.name) == ["wal_keep_size", "max_slot_wal_keep_size"])
        #expect(try LegacyCluster.plan.deferred.map(\.name) == ["wal_log_hints", "cluster_name"])
    }

    @Test func `The store's configuration repeats the running values and keeps foreign slots`() throws {
        var facts = LegacyCluster.facts
        facts.hosts[0].servers[0].sql?.slots = [
            SlotFacts(name: "debezium", isLogical: true, isActive: false, plugin: "pgoutput", database: "app")
        ]
        let plan = try LegacyCluster.planner.plan(LegacyCluster.spec, facts, [])
        guard case .store(let change)? = plan.step("h1/store")?.kind else {
            Issue.record("no store step")
            return
        }
        #expect(change.prefix == "/service/shop/")
        #expect(change.entries[0] == .init(key: "initialize", value: "7301234567890123456"))
        let config = change.entries[1].value
        #expect(config.contains("\"max_connections\":\"250\""))
        #expect(config.contains("\"wal_keep_size\":\"1024MB\""))
        #expect(config.contains("\"ttl\":12,\"loop_wait\":4,\"retry_timeout\":4"))
        #expect(
            config.contains(
                "\"ignore_slots\":[{\"name\":\"debezium\",\"type\":\"logical\","
                    + "\"database\":\"app\",\"plugin\":\"pgoutput\"}]"
            ))
        // Somebody else's slot would fall under a limit too: none is set.
        guard case .settings(let settings)? = plan.step("h1/settings")?.kind else { return }
        #expect(!settings.settings.contains { $0.name == "max_slot_wal_keep_size" })
    }

    /// A fenced leader comes back by pg_rewind only while the log since the last common checkpoint is there.
    @Test(arguments: [
        ("wal_keep_size", 150_018, "256", 100 << 30, "1024MB"), ("wal_keep_size", 150_018, "2048", 100 << 30, nil),
        ("wal_keep_size", 150_018, "0", 2 << 30, "204MB"), ("wal_keep_segments", 120_022, "8", 100 << 30, "64"),
    ])
    func `WAL is kept for a rewind, a tenth of the free space at most`(
        _ name: String, _ version: Int, _ running: String, _ free: Int, _ wanted: String?
    ) throws {
        var facts = LegacyCluster.facts
        facts.hosts[0].target?.freeSpace = ByteCount(Int64(free))
        facts.hosts[0].servers[0].sql?.version = ServerVersion(version)
        facts.hosts[0].servers[0].sql?.settings.removeAll { $0.name == "wal_keep_size" }
        facts.hosts[0].servers[0].sql?.settings.append(
            SettingFacts(name: name, value: running, context: "sighup", source: "configuration file"))
        let plan = try LegacyCluster.planner.plan(LegacyCluster.spec, facts, [])
        guard case .settings(let change)? = plan.step("h1/settings")?.kind else { return }
        #expect(change.settings.first { $0.name == name }?.new == wanted)
    }

    @Test func `The hba block comes before the owner's rules and names every member`() throws {
        guard case .hba(let change)? = try LegacyCluster.plan.step("h1/hba")?.kind else {
            Issue.record("no hba step")
            return
        }
        let after = change.edit.edit.applied(to: LegacyCluster.hba)
        #expect(after.hasSuffix(LegacyCluster.hba))
        for address in ["10.77.0.1/32", "10.77.0.2/32", "10.77.0.3/32"] { #expect(after.contains(address)) }
        #expect(change.edit.digestAfter == sha256(after))
        #expect(change.edit.edit.applied(to: after) == after)
        #expect(change.edit.edit.removed(from: after, digestBefore: change.edit.digestBefore) == LegacyCluster.hba)
    }

    @Test(arguments: ["a = 1\n", "a = 1", ""])
    func `An appended line comes off again, byte for byte`(_ before: String) {
        let edit = FileEdit(path: "/x", edit: .appendLine("include_if_exists = 'pgadopt.conf'"), before: before)
        let after = edit.edit.applied(to: before)
        #expect(after.hasSuffix("include_if_exists = 'pgadopt.conf'\n"))
        #expect(edit.edit.applied(to: after) == after)
        #expect(edit.edit.removed(from: after, digestBefore: edit.digestBefore) == before)
    }

    @Test func `A plan holds no secret of the owner's files`() throws {
        var facts = LegacyCluster.facts
        facts.hosts[0].servers[0].hbaText = "host all all 10.0.0.0/8 ldap ldapbindpasswd=hunter2\n" + LegacyCluster.hba
        let plan = try LegacyCluster.planner.plan(LegacyCluster.spec, facts, [])
        #expect(!String(decoding: try plan.encoded(), as: UTF8.self).contains("hunter2"))
    }

    @Test func `An adopted cluster plans to no steps`() throws {
        #expect(try LegacyCluster.planner.plan(LegacyCluster.spec, LegacyCluster.adopted, []).steps.isEmpty)
    }

    @Test func `A new replica of an adopted cluster is built, the primary only gets rules for it`() throws {
        var facts = LegacyCluster.adopted
        facts.hosts[2] = LegacyCluster.facts.hosts[2]
        facts.store.keys?["members/h3"] = nil
        let ids = try LegacyCluster.planner.plan(LegacyCluster.spec, facts, []).steps.map(\.id)
        #expect(
            ids == [
                "h1/lock", "h1/backup", "h3/bundle", "h1/secrets", "h3/secrets", "h3/slot", "h3/base-backup",
                "h3/config-files",
                "h3/legacy-unit", "h3/agent", "h3/streaming", "h1/verify", "h1/unlock",
            ])
    }

    @Test func `A primary that is a standby is refused`() {
        var facts = LegacyCluster.facts
        facts.hosts[0].servers[0].sql?.isInRecovery = true
        let error = #expect(throws: PlanningError.self) {
            try LegacyCluster.planner.plan(LegacyCluster.spec, facts, [])
        }
        #expect(error?.description.hasPrefix("h1: the server on port 5432 is a standby") == true)
    }

    @Test func `A primary that cannot be reached is named with the reason`() {
        var facts = LegacyCluster.facts
        facts.hosts.removeFirst()
        facts.unreachable = [UnreachableHost(host: "h1", reason: "connection refused", check: "ssh.reach")]
        let error = #expect(throws: PlanningError.self) {
            try LegacyCluster.planner.plan(LegacyCluster.spec, facts, [])
        }
        #expect(error?.description == "h1: nothing is known of the primary: connection refused")
    }
}

@Suite struct DriftTests {
    private func fingerprints(_ change: (inout ClusterFacts) -> Void) -> Fingerprints {
        var facts = LegacyCluster.facts
        change(&facts)
        return Fingerprints(spec: LegacyCluster.spec, facts: facts)
    }

    @Test func `The same world is no drift`() throws {
        #expect(try LegacyCluster.plan.fingerprints.drift(to: fingerprints { _ in }) == [])
    }

    @Test(arguments: [
        ("h1: the server's process was 4711 and is 5000: it was restarted", 0),
        ("h1: /etc/postgresql/15/main/pg_hba.conf was edited", 1),
        ("h2: /var/lib/postgresql/15/main was absent and is now dataDirectory", 2),
        ("keys of the cluster in the store have changed", 3),
        ("h1: timeline 1 became 2: there was a failover", 4),
        ("h1: /etc/postgresql/15/main/conf.d/other.conf is new", 5),
    ])
    func `Drift is named`(_ expected: String, _ which: Int) throws {
        let now = fingerprints { facts in
            switch which {
            case 0: facts.hosts[0].servers[0].postmasterPID = 5000
            case 1: facts.hosts[0].servers[0].configFiles[1].digest = "0"
            case 2: facts.hosts[1].target?.content = .dataDirectory
            case 3: facts.store.keys = ["leader": "x"]
            case 4: facts.hosts[0].servers[0].control?.timeline = Timeline(2)
            default:
                facts.hosts[0].servers[0].configFiles.append(LegacyCluster.server.configFiles[0])
                facts.hosts[0].servers[0].configFiles[3].path = "/etc/postgresql/15/main/conf.d/other.conf"
            }
        }
        let drift = try LegacyCluster.plan.fingerprints.drift(to: now)
        #expect(drift.contains(expected))
    }

    @Test func `What begun steps of ours changed is no drift, what others changed is`() throws {
        let plan = try LegacyCluster.plan
        let begun = plan.steps.filter { ["h1/hba", "h1/settings", "h1/store", "h2/base-backup"].contains($0.id) }
        guard case .hba(let hba)? = plan.step("h1/hba")?.kind,
            case .settings(let settings)? = plan.step("h1/settings")?.kind
        else { return }
        let now = fingerprints { facts in
            facts.hosts[0].servers[0].configFiles[1].digest = hba.edit.digestAfter
            facts.hosts[0].servers[0].configFiles.append(LegacyCluster.server.configFiles[0])
            facts.hosts[0].servers[0].configFiles[3].path = settings.file.path
            facts.store.keys = ["initialize": "7301234567890123456"]
            facts.hosts[1].target?.content = .otherFiles
        }
        #expect(plan.fingerprints.drift(to: now, begun: begun) == [])
        #expect(plan.fingerprints.drift(to: now).count == 4)
        let edited = fingerprints { $0.hosts[0].servers[0].configFiles[1].digest = "0" }
        #expect(
            plan.fingerprints.drift(to: edited, begun: begun) == ["h1: /etc/postgresql/15/main/pg_hba.conf was edited"])
    }
}
