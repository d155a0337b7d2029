import AdoptFixtures
import Planning
import PostgresModel
import Testing

@Suite struct OperatorStepTests {
    private static let text = """
        cluster:
          - lock
          - run: {name: mute, command: mute-alerts --for 2h, on: members, effect: none, undo: unmute-alerts}
          - backup
          - bundle
          - secrets
          - roles
          - hba
          - settings
          - store
          - pause: {name: board, message: Has the change board said yes?}
          - legacy-unit
          - agent
        replica:
          - slot
          - base-backup
          - config-files
          - run:
              name: monitoring
              command: |
                cp /root/exporter.yml /etc/
                systemctl restart exporter
              effect: service
              user: root
              timeout: 90s
          - legacy-unit
          - agent
          - streaming
        finish: [verify, unlock]
        """

    private func plan(_ text: String = text) throws -> Plan {
        var planner = LegacyCluster.planner
        planner.playbook = try Playbook.parse(text, file: "my.yaml")
        return try planner.plan(LegacyCluster.spec, LegacyCluster.facts, [])
    }

    @Test func `An operator's commands and pauses are steps of the plan`() throws {
        let plan = try plan()
        #expect(plan.steps.map(\.id).filter { $0.contains("/run-") || $0.contains("/pause-") } == [
            "h1/run-mute", "h2/run-mute", "h3/run-mute", "h1/pause-board", "h2/run-monitoring", "h3/run-monitoring",
        ])
        guard case .run(let change)? = plan.step("h2/run-monitoring")?.kind else {
            Issue.record("no such step")
            return
        }
        #expect(change.command == "cp /root/exporter.yml /etc/\nsystemctl restart exporter\n")
        #expect(change.timeout == 90 && change.undo == nil && change.place == "my.yaml:18:5")
        #expect(plan.step("h2/run-monitoring")?.effect == .service)
        #expect(plan.step("h1/run-mute")?.undo == "run the playbook's undo command")
        #expect(try Plan(decoding: plan.encoded(), file: "plan.json") == plan)
    }

    @Test func `What stands before a pause is done before it on all hosts, what stands after it waits`() throws {
        let plan = try plan()
        let index = try #require(plan.steps.firstIndex { $0.id == "h1/pause-board" })
        #expect(Set(plan.steps[index].prerequisites) == Set(plan.steps[..<index].map(\.id)))
        for step in plan.steps[(index + 1)...] { #expect(step.prerequisites.contains("h1/pause-board"), "\(step.id)") }
    }

    @Test func `A command between a replica's steps holds up that replica only`() throws {
        let plan = try plan()
        #expect(plan.step("h2/legacy-unit")?.prerequisites.contains("h2/run-monitoring") == true)
        #expect(plan.step("h3/legacy-unit")?.prerequisites.contains("h2/run-monitoring") == false)
        #expect(plan.step("h3/run-monitoring")?.prerequisites.contains("h2/base-backup") == false)
        #expect(plan.step("h1/verify")?.prerequisites.contains("h3/run-monitoring") == true)
    }

    @Test func `Commands alone are no work for an adopted cluster`() throws {
        var planner = LegacyCluster.planner
        planner.playbook = try Playbook.parse(Self.text, file: "my.yaml")
        #expect(try planner.plan(LegacyCluster.spec, LegacyCluster.adopted, []).steps.isEmpty)
    }

    @Test(arguments: [
        ("effect: none, undo", "efect: none, undo", "my.yaml:3:67: unknown key 'efect' in 'run'"),
        ("effect: none, undo", "effect: restart, undo", "my.yaml:3:75: 'effect' is 'restart'"),
        ("on: members", "on: member", "my.yaml:3:58: 'on' is 'member'"),
        ("on: members", "on: replica", "my.yaml:3:58: 'on: replica' is only known in the section 'replica'"),
        ("name: mute", "name: board", "my.yaml:11:19: the name 'board' is there twice"),
        ("command: mute-alerts --for 2h, ", "", "my.yaml:3:10: 'run' has no 'command'"),
        ("- run: {name: mute", "- rum: {name: mute", "my.yaml:3:5: unknown step 'rum'"),
        ("message: Has the change board said yes?", "mesage: x", "my.yaml:11:26: unknown key 'mesage' in 'pause'"),
        ("finish: [verify, unlock]", "finish: [verify, unlock, pause]", "my.yaml:29:26: 'pause' needs a section"),
        ("  - settings", "  - settings\n  - restart", "my.yaml:10:5: a restart is never a playbook's"),
    ])
    func `A broken command is refused at its place`(_ right: String, _ wrong: String, _ start: String) {
        let error = #expect(throws: (any Error).self) { try plan(Self.text.replacing(right, with: wrong)) }
        #expect(error.map { "\($0)".hasPrefix(start) } == true, "\(error.map { "\($0)" } ?? "accepted")")
    }

    @Test func `A host that is not in the inventory is refused with the place in the playbook`() {
        let error = #expect(throws: PlanningError.self) {
            try plan(Self.text.replacing("on: members", with: "on: [h1, h9]"))
        }
        #expect(error?.description == """
            my.yaml:3:5: no host 'h9' in cluster shop; allowed: primary, replicas, members, h1, h2, h3
            """)
    }
}

@Suite struct RestartPlanTests {
    @Test func `A restart is planned only where nothing could stream without it, and alone`() throws {
        let plan = try LegacyCluster.restartPlan()
        #expect(plan.steps.map(\.id) == ["h1/lock", "h1/backup", "h1/settings", "h1/restart", "h1/unlock"])
        #expect(plan.isRestart && plan.isApplicable && plan.deferred.isEmpty)
        guard case .restart(let change)? = plan.step("h1/restart")?.kind,
            case .settings(let settings)? = plan.step("h1/settings")?.kind
        else {
            Issue.record("no restart")
            return
        }
        #expect(change.settings.map { "\($0.name) \($0.old) -> \($0.new)" } == [
            "wal_level minimal -> replica", "max_wal_senders 0 -> 10",
        ])
        #expect(settings.file.content.contains("wal_level = 'replica'"))
        #expect(change.window.start.description == "2026-11-28T02:00:00Z")
        #expect(change.window.end.description == "2026-11-28T03:00:00Z")
    }

    @Test func `A window does not restart a server that needs none`() throws {
        var planner = LegacyCluster.planner
        planner.restartWindow = try RestartWindow("2026-11-28T02:00Z/1h")
        let error = #expect(throws: PlanningError.self) {
            try planner.plan(LegacyCluster.spec, LegacyCluster.facts, [])
        }
        #expect(error?.description.hasPrefix("h1: nothing here needs a restart") == true)
    }

    @Test func `After its own restart the server's new process is no drift`() throws {
        let plan = try LegacyCluster.restartPlan()
        var facts = LegacyCluster.minimal
        facts.hosts[0].servers[0].postmasterPID = 9999
        let now = Fingerprints(spec: LegacyCluster.spec, facts: facts)
        #expect(plan.fingerprints.drift(to: now, begun: plan.steps).isEmpty)
        #expect(plan.fingerprints.drift(to: now).count == 1)
    }

    @Test(arguments: [
        ("2026-11-28T02:00Z/2026-11-28T03:30Z", "2026-11-28T02:00:00Z to 2026-11-28T03:30:00Z"),
        ("2026-11-28T00:30+01:00/90min", "2026-11-27T23:30:00Z to 2026-11-28T01:00:00Z"),
        ("2028-02-29T23:59:30Z/45s", "2028-02-29T23:59:30Z to 2028-03-01T00:00:15Z"),
    ])
    func `A window is read`(_ text: String, _ meaning: String) throws {
        #expect(try RestartWindow(text).description == meaning)
    }

    @Test(arguments: [
        "tonight", "2026-11-28T02:00Z", "2026-11-28/1h", "2026-02-29T02:00Z/1h", "2026-11-28T25:00Z/1h",
        "2026-11-28T02:00Z/2026-11-28T01:00Z", "2026-11-28T02:00Z/30d", "2026-11-28T02:00/1h",
    ])
    func `A window that is none is refused with an example`(_ text: String) {
        let error = #expect(throws: PlanningError.self) { try RestartWindow(text) }
        #expect(error?.description.contains("such as 2026-11-28T02:00Z/1h") == true)
    }
}

@Suite struct PlanDriftTests {
    @Test func `Running values that no file has are drift, and what keeps them is said`() throws {
        var facts = LegacyCluster.facts
        facts.hosts[0].servers[0].sql?.settings += [
            .init(
                name: "shared_buffers", value: "16384", context: "postmaster", source: "configuration file",
                pendingRestart: true),
            .init(
                name: "work_mem", value: "4096", context: "user", source: "configuration file",
                sourceFile: "/var/lib/postgresql/15/main/postgresql.auto.conf"),
        ]
        if let index = facts.hosts[0].servers[0].sql?.settings.firstIndex(where: { $0.name == "max_connections" }) {
            facts.hosts[0].servers[0].sql?.settings[index].source = "command line"
        }
        let drift = try LegacyCluster.planner.plan(LegacyCluster.spec, facts, []).drift
        #expect(drift.map(\.what) == [
            "shared_buffers runs as 16384; a file has another value",
            "max_connections = 250 comes from the server's command line", "ALTER SYSTEM has set work_mem",
        ])
        #expect(drift[1].meaning == "it is kept: our include file repeats it")
    }

    @Test func `A plan says what has changed since the one before`() throws {
        var facts = LegacyCluster.facts
        facts.hosts[0].servers[0].configFiles[0].digest = sha256("edited")
        var plan = try LegacyCluster.planner.plan(LegacyCluster.spec, facts, [])
        plan.compare(with: try LegacyCluster.plan)
        #expect(plan.drift.map(\.what) == ["/etc/postgresql/15/main/postgresql.conf was edited"])
        #expect(plan.drift.first?.host == "h1")
    }

    @Test func `Hosts that work side by side do not add up`() throws {
        // Copied from one server, the replicas are built at the same time.
        var spec = LegacyCluster.spec
        spec.replicas.cloneFrom = .primary
        let schedule = PlanSchedule(try LegacyCluster.planner.plan(spec, LegacyCluster.facts, []).steps)
        let sum = schedule.entries.reduce(Duration.zero) { $0 + $1.step.estimate.duration }
        #expect(schedule.total < sum * 2 / 3)
        for entry in schedule.entries {
            for id in entry.step.prerequisites {
                #expect(schedule.entries.contains { $0.step.id == id && $0.end <= entry.start }, "\(entry.step.id)")
            }
        }
    }
}
