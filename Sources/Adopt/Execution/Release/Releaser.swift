import JSON
import Planning
import PostgresModel
import Shell

/// Takes an adoption back: the acts of `Plan.releaseActions`, one after the other, each safe to repeat. Killed
/// anywhere, the same call goes on.
public struct Releaser: Sendable {
    public enum Event: Equatable, Sendable {
        case began(ReleaseAction, number: Int, of: Int)
        case note(String)
    }

    public var plan: Plan
    public var environment: ExecutionEnvironment
    /// Nil: only while no replica is finished; otherwise a person must choose.
    public var replicas: ReplicaFate?
    /// Where older plans of the same cluster, which are released after this one, still need what is in the working
    /// directory.
    public var keepsState: Set<String> = []
    /// Members whose slots agents have made on this plan's primary, though a later plan added them.
    public var laterMembers: [String] = []
    /// Members that have left the cluster since; nothing is done there.
    public var left: Set<String> = []
    /// Given: the server that was adopted is gone for good.
    public var lost: LostServer?

    public init(plan: Plan, environment: ExecutionEnvironment, replicas: ReplicaFate?) {
        self.plan = plan
        self.environment = environment
        self.replicas = replicas
    }

    /// What `run` would do now. Reads the journal only.
    public func outline() async throws -> [ReleaseAction] {
        let journal = try await openJournal()
        return try await acts(journal).map(\.action)
    }

    /// - Throws: ``ExecutionError``; the acts before it stay done.
    public func run(report: @escaping @Sendable (Event) -> Void) async throws {
        let journal = try await openJournal()
        let acts = try await acts(journal)
        guard !acts.isEmpty else { return }
        if acts.contains(where: { needsLead($0.action) }) { try await refuseForeignLeader() }
        let lock = try lockContext(journal, report)
        try await lock.step.apply(lock.context)
        for (index, act) in acts.enumerated() {
            let action = act.action
            report(.began(action, number: index + 1, of: acts.count))
            environment.passing(.before(action.name))
            do {
                try await perform(action, journal, report)
                environment.passing(.after(action.name))
                if let step = act.completes { try await journal.write(.undone, step) }
            } catch let error as ExecutionError {
                var error = error
                if error.host == nil { error.host = action.host }
                if error.remedy.isEmpty { error.remedy = "Run the same command again to continue." }
                throw error
            }
        }
        // What is left is nothing that could be undone; a second release finds nothing to do.
        for step in await journal.begun().sorted() { try await journal.writeHereOnly(.undone, step) }
    }

    private func acts(_ journal: Journal) async throws -> [ReleaseAct] {
        let open = await journal.begun()
        if open.isEmpty { return [] }
        // Also when their agents are gone already: a release that is continued must not remove what was to be kept.
        let touched = await journal.touched
        let hasReplicas = plan.steps.contains {
            guard touched.contains($0.id), case .agent(let change) = $0.kind else { return false }
            return change.role == .replica && plan.copy(on: $0.host) != nil && !left.contains($0.host)
        }
        guard let fate = replicas ?? (hasReplicas ? nil : .remove) else {
            throw ExecutionError(
                .blocked, "\(plan.cluster) has replicas that pgadopt built, and it must be said what becomes of them",
                remedy: "Add --replicas keep (they stream on), --replicas promote (each becomes a server of its own) or "
                    + "--replicas remove.")
        }
        let all = lost.map { plan.releaseActs(begun: open, touched: touched, replicas: fate, without: $0) }
            ?? plan.releaseActs(begun: open, touched: touched, replicas: fate)
        var acts = all.filter { act in
            if case .removeState(let host) = act.action, keepsState.contains(host) { return false }
            return act.action.host.map { !left.contains($0) } ?? true
        }
        // Once no agent is left to make them again.
        let slots = laterMembers.filter { !left.contains($0) }.map { slotName(forMember: $0) }
        if fate != .keep, lost == nil, !slots.isEmpty, let end = acts.firstIndex(where: { $0.action.isLast }) {
            let drop = ReleaseAction.dropSlots(host: plan.primary.host, plan.primaryLocal, names: slots)
            acts.insert(ReleaseAct(action: drop), at: end)
        }
        return acts
    }

    /// Who must lead while this plan is taken back; nil: nobody in particular, since it changed nothing of the server
    /// that only its primary has, or nothing is left to take back.
    public func neededLeader() async throws -> String? {
        let open = try await acts(try await openJournal())
        return open.contains { needsLead($0.action) } ? lost?.leader ?? plan.primary.host : nil
    }

    /// A managed store goes with the release: one that is continued after that must not ask it.
    private func needsLead(_ action: ReleaseAction) -> Bool {
        if plan.storePrefix == nil { return false }
        guard plan.steps.contains(where: { $0.kind.name == .managedStore }) else { return true }
        switch action {
        case .pause, .forgetKeys: return true
        case .undo, .keepStreaming, .dropSlots, .stopServer, .promote, .handBack, .removeState: return false
        }
    }

    /// The server that was adopted must lead: its files, roles and slots are what is taken back.
    private func refuseForeignLeader() async throws {
        let leader = try await leader()
        if let lost {
            // A release that is continued has deleted the keys already.
            if leader == nil || leader == lost.leader { return }
            throw ExecutionError(
                .blocked, host: leader, "\(leader ?? "") leads \(plan.cluster), not \(lost.leader)",
                remedy: "Look at pgadopt status and run the same command again.")
        }
        guard let leader, leader != plan.primary.host else { return }
        throw ExecutionError(
            .blocked, host: leader,
            "\(leader) leads \(plan.cluster), and \(plan.primary.host) was adopted as its primary",
            remedy: "Add --switch-back: the lead is handed to \(plan.primary.host) first, which disconnects clients "
                + "once. Where that host is gone for good: --without \(plan.primary.host).")
    }

    /// Who leads now, by the store; nil: nobody, or the plan wrote no keys.
    public func leader() async throws -> String? {
        guard let prefix = plan.storePrefix else { return nil }
        return try await environment.store.read(prefix: prefix + "leader")[prefix + "leader"]
    }

    // MARK: The acts

    private func perform(
        _ action: ReleaseAction, _ journal: Journal, _ report: @escaping @Sendable (Event) -> Void
    ) async throws {
        switch action {
        case .pause: try await pause(report)
        case .undo(let step):
            let context = context(step, journal, report)
            try await step.kind.step.undo(context)
        case .keepStreaming(let change, let settings):
            try await keepStreaming(change, settings, any(change.member, journal, report))
        case .stopServer(let change):
            try await any(change.member, journal, report).stopStandby(
                change.dataDirectory, binDirectory: change.binDirectory, osUser: change.osUser)
        case .promote(let change):
            try await promote(change, any(change.member, journal, report))
        case .handBack(let host, let change, let dataDirectory):
            let handback = ServerHandback(change: change, dataDirectory: dataDirectory, osUser: plan.primary.osUser)
            try await handback.perform(any(host, journal, report))
        case .dropSlots(let host, let server, let names):
            try await dropSlots(names, server, any(host, journal, report))
        case .forgetKeys(let change):
            for step in plan.steps where step.kind == .store(change) {
                try await forget(change, kept: Set(journal.made(step.id, StoreStep.foreignKey)), report)
            }
        case .removeState(let host):
            try await removeState(any(host, journal, report), report)
        }
    }

    /// Until every agent that runs has heard it; an agent that is down has no guard to lift.
    private func pause(_ report: @escaping @Sendable (Event) -> Void) async throws {
        guard let prefix = plan.storePrefix else { return }
        let key = prefix + "config"
        let deadline = environment.now() + .seconds(30)
        while true {
            let keys = try await environment.store.read(prefix: prefix)
            guard let text = keys[key], var config = try? JSON(parsing: text).object else { return }
            if config["pause"]?.bool != true {
                config["pause"] = .bool(true)
                try await environment.store.replace(key, ifValue: text, with: JSON.object(config).text)
            } else if keys.allSatisfy({ hasHeard($0.key, $0.value, prefix) }) {
                return
            }
            guard environment.now() < deadline else {
                report(.note("some agents have not confirmed the pause within 30 s; their guards are ended with them"))
                return
            }
            try await environment.sleep(.milliseconds(200))
        }
    }

    private func hasHeard(_ key: String, _ value: String, _ prefix: String) -> Bool {
        guard key.hasPrefix(prefix + "members/"), let member = try? JSON(parsing: value) else { return true }
        return member["pause"]?.bool == true || member["state"]?.string != "running"
    }

    /// The agent's password file goes with its working directory, and a member that has not followed the last change of
    /// the leader yet has no agent left to tell it. PostgreSQL 12 takes the new words at its next start.
    private func keepStreaming(_ change: BaseBackupChange, _ settings: String, _ context: StepContext) async throws {
        let rules = [
            "s#passfile=\(context.layout.agentState)/pgpass#passfile=\(change.passfile)#",
            "s# host=[^ ']*# host=\(change.sourceAddress)#", "s# port=[0-9]*# port=\(change.sourcePort)#",
        ]
        let edit = "/^primary_conninfo/{ \(rules.joined(separator: "; ")) }"
        try await context.run(
            "changing \(settings)",
            """
            set -eu
            f=\(quoted(settings)); p=\(quoted(change.dataDirectory + "/postmaster.pid"))
            [ -e "$f" ] || exit 0
            t="$f.pgadopt.$$"
            trap 'exit 129' HUP TERM
            trap 'rm -f -- "$t"' EXIT
            cp -p -- "$f" "$t"; sed \(quoted(edit)) "$f" > "$t"; mv -f -- "$t" "$f"
            if [ -e "$p" ]; then kill -HUP "$(head -n 1 "$p")"; fi
            """)
    }

    private func promote(_ change: BaseBackupChange, _ context: StepContext) async throws {
        let directory = quoted(change.dataDirectory)
        try await context.run(
            "promoting the standby",
            """
            cd /
            [ -e \(directory)/standby.signal ] || [ -e \(directory)/recovery.conf ] || exit 0
            exec \(quoted(change.binDirectory + "/pg_ctl")) -D \(directory) -w -t 120 promote
            """,
            as: .user(change.osUser), deadline: .seconds(140))
    }

    private func dropSlots(_ names: [String], _ server: LocalServer, _ context: StepContext) async throws {
        let list = names.map(sqlLiteral).joined(separator: ", ")
        _ = try await context.sql(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                + "WHERE slot_name IN (\(list)) AND slot_type = 'physical' AND NOT active;", on: context.host, server,
            purpose: "dropping the slots of the members")
    }

    /// All keys of the cluster, if the cluster they are about is this one, but for those that were there before us.
    private func forget(
        _ change: StoreChange, kept: Set<String>, _ report: @escaping @Sendable (Event) -> Void
    ) async throws {
        let keys = try await environment.store.read(prefix: change.prefix)
        let owner = keys[change.prefix + "initialize"]
        guard owner == nil || owner == plan.primary.systemIdentifier.description else {
            report(.note("the keys below \(change.prefix) belong to another cluster (\(owner ?? "")) and stay"))
            return
        }
        for (key, value) in keys where !kept.contains(key) {
            try await environment.store.delete(key, ifValue: value)
        }
    }

    /// The journal, the lock and the rest of the working directory; not a log that a server still writes.
    private func removeState(_ context: StepContext, _ report: @escaping @Sendable (Event) -> Void) async throws {
        let output = try await context.run(
            "removing \(context.layout.state)",
            """
            set -eu
            d=\(quoted(context.layout.state)); kept=
            for f in /proc/[0-9]*/fd/2; do
                case "$(readlink "$f" 2>/dev/null)" in "$d"/*) kept=kept; break ;; esac
            done
            if [ -n "$kept" ]; then
                echo kept; find "$d" -type f ! -name '*.log' -delete
            else
                rm -rf -- "$d" \(quoted("/run/pgadopt/" + plan.cluster))
            fi
            rmdir -- "$(dirname "$d")" /etc/pgadopt /run/pgadopt 2>/dev/null || :
            """)
        if output.hasPrefix("kept") {
            report(.note(
                "\(context.host): the running server writes its log into \(context.layout.state), which stays"))
        }
    }

    // MARK: Contexts

    private func openJournal() async throws -> Journal {
        try await Journal.open(plan: plan, environment: environment)
    }

    private func context(
        _ step: PlannedStep, _ journal: Journal, _ report: @escaping @Sendable (Event) -> Void
    ) -> StepContext {
        StepContext(step: step, plan: plan, environment: environment, journal: journal) { event in
            if case .note(_, let text) = event { report(.note(text)) }
        }
    }

    /// A context on a host for an act that is no step's.
    private func any(
        _ host: String, _ journal: Journal, _ report: @escaping @Sendable (Event) -> Void
    ) throws -> StepContext {
        guard let step = plan.steps.first(where: { $0.host == host }) else {
            throw ExecutionError(.conflict, host: host, "the plan has no step on this host")
        }
        return context(step, journal, report)
    }

    private func lockContext(
        _ journal: Journal, _ report: @escaping @Sendable (Event) -> Void
    ) throws -> (step: LockStep, context: StepContext) {
        for step in plan.steps {
            guard case .lock(let change) = step.kind else { continue }
            var step = step
            if let lost { step.host = lost.leader }
            return (LockStep(change: change), context(step, journal, report))
        }
        throw ExecutionError(.conflict, "the plan has no lock step; it is not a plan of an adoption")
    }
}
