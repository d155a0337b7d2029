import Cluster
import HACore
import JSON
import PostgresModel
import Timekeeping

extension ScenarioWorld {
    mutating func settings(_ a: Arguments) throws {
        var s = observation.settings
        if let ttl = try a.number("ttl") { s.ttl = .seconds(ttl) }
        if let loop = try a.number("loop") { s.loopWait = .seconds(loop) }
        if let timeout = try a.number("start_timeout") ?? a.number("start-timeout") { s.primaryStartTimeout = .seconds(timeout) }
        if let priority = try a.integer("priority") { s.failoverPriority = priority }
        if a.flag("paused") { s.isPaused = true }
        if a.flag("resumed") { s.isPaused = false }
        if a.flag("nofailover") { s.mayLead = false }
        if a.flag("norewind") { s.usePgRewind = false }
        try synchronousSettings(a, &s)
        if let name = a.values["watchdog"] { s.watchdogMode = WatchdogMode(rawValue: name) ?? .off }
        if let name = a.values["remote"] {
            s.standbyCluster =
                switch name {
                case "none": nil
                case "archive": .archive
                default: Upstream(name: "remote", host: name, port: 5432, slot: .named("dr"))
                }
        }
        if a.flag("bootstrap") { s.mayBootstrap = true }
        if a.flag("restores") { s.restoresWithoutLeader = true }
        if let name = a.values["replicatefrom"] { s.replicateFrom = name }
        if a.flag("nostream") { s.noStream = true }
        observation.settings = s
    }

    private func synchronousSettings(_ a: Arguments, _ s: inout CoreSettings) throws {
        if let mode = a.values["sync"] { s.synchronousMode = try a.parse(mode) { SynchronousMode(rawValue: $0) } }
        if a.flag("strict") { s.isSynchronousModeStrict = true }
        if let count = try a.integer("nodes") { s.synchronousNodeCount = count }
        if let lag = try a.integer("sync-lag") { s.maximumLagOnSyncnode = ByteCount(Int64(lag)) }
        if let timeout = try a.number("stop-timeout") { s.primaryStopTimeout = .seconds(timeout) }
    }

    mutating func storage(_ a: Arguments) throws {
        switch a.words.first {
        case "empty": observation.server.storage = .empty
        case "unreadable": observation.server.storage = .unreadable(a.values["why"] ?? "permission denied")
        default:
            observation.server.storage = .present(.init(
                systemIdentifier: try a.parse(a.values["sysid"] ?? "7700000000000000001") { SystemIdentifier($0) },
                timeline: try a.timeline("tl") ?? Timeline(1), clusterState: a.values["state"] ?? "in production",
                checkpoint: try a.lsn("checkpoint") ?? LSN(rawValue: 0x300_0000), canRewind: !a.flag("norewind"),
                hasStandbySignal: a.flag("signal"), newestTimeline: try a.values["origin"].map(origin)))
        }
    }

    /// `2@0/6000000`: the newest timeline in pg_wal, and where it began.
    private func origin(_ text: String) throws -> ServerObservation.TimelineOrigin {
        let sides = text.split(separator: "@")
        guard sides.count == 2, let timeline = UInt32(sides[0]), let start = LSN(sides[1])
        else { throw BadLine(description: "origin=TIMELINE@LSN") }
        return .init(timeline: Timeline(timeline), start: start)
    }

    mutating func process(_ a: Arguments) throws {
        switch a.words.first {
        case "stopped": observation.server.process = .stopped
        case "starting": observation.server.process = .starting(since: observation.now)
        case "stopping": observation.server.process = .stopping(since: observation.now)
        case "unresponsive": observation.server.process = .unresponsive(since: observation.now)
        case "primary", "standby":
            let lsn = try a.lsn("lsn") ?? LSN(rawValue: 0x500_0000)
            let slot = a.values["slot"].map { Upstream.Slot.named($0) } ?? .ownName
            let upstream = a.values["upstream"].map {
                Upstream(name: $0, host: "10.0.0.\($0.dropFirst())", port: 5432, slot: slot)
            }
            observation.server.process = .running(.init(
                isInRecovery: a.words.first == "standby", timeline: try a.timeline("tl") ?? Timeline(1), lsn: lsn,
                isStreaming: a.flag("streaming"), upstream: upstream, isReplayPaused: a.flag("replay-paused"),
                applyDelay: .seconds(try a.number("delay") ?? 0), connections: connections,
                synchronousStandbys: try a.values["names"].map { text in try a.parse(text) { SynchronousStandbyNames($0) } }
                    ?? names,
                writesHangSince: try a.number("hangs-since").map { .at($0) }, isRestartPending: a.flag("pending"),
                postmasterStartTime: a.values["start"], version: try a.integer("version").map { ServerVersion($0) }))
            observation.server.crashedAt = nil
        default: throw BadLine(description: "process: what?")
        }
    }

    mutating func leader(_ a: Arguments) throws {
        guard let name = a.words.first else { throw BadLine(description: "leader: who?") }
        view.revision += 1
        if name == "none" { return view.leader = nil }
        let same = view.leader?.name == name
        view.leader = LeaderKey(
            name: name, lease: Int64(try a.integer("lease") ?? 0),
            createRevision: same ? view.leader?.createRevision ?? 0 : view.revision, modRevision: view.revision)
    }

    mutating func member(_ a: Arguments) throws {
        guard let name = a.words.first else { throw BadLine(description: "member: who?") }
        view.members.removeAll { $0.name == name }
        if a.flag("gone") { return }
        var member = Member(
            name: name, connURL: a.flag("no-address") ? nil : "postgres://10.0.0.\(name.dropFirst()):5432/postgres",
            apiURL: "http://10.0.0.\(name.dropFirst()):8008/patroni")
        member.role = a.values["role"].flatMap { $0 == "standby leader" ? .standbyLeader : MemberRole(rawValue: $0) } ?? .replica
        member.state = a.values["state"].flatMap(MemberState.init(rawValue:)) ?? .running
        member.timeline = try a.timeline("tl") ?? Timeline(1)
        member.xlogLocation = try a.lsn("lsn")
        if a.flag("no-checkpoint") { member.checkpointAfterPromote = false }
        for tag in ["nofailover", "nosync", "clonefrom", "nostream"] where a.flag(tag) { member.tags[tag] = true }
        if let source = a.values["replicatefrom"] { member.tags["replicatefrom"] = .string(source) }
        if let priority = try a.integer("sync-priority") { member.tags["sync_priority"] = .int(Int64(priority)) }
        view.members.append(member)
        view.members.sort { $0.name < $1.name }
    }

    mutating func failover(_ a: Arguments) {
        view.revision += 1
        view.failover = FailoverKey(
            modRevision: view.revision, leader: a.values["leader"], candidate: a.values["candidate"],
            scheduledAt: a.values["at"])
    }

    /// `failsafe h1 h3`: the list of those whom the leader asks; `failsafe none`.
    mutating func failsafe(_ a: Arguments) {
        let names = a.words.filter { $0 != "none" }
        view.failsafe = names.isEmpty ? nil : Dictionary(uniqueKeysWithValues: names.map { ($0, "http://\($0):8008/patroni") })
    }

    /// `history 1@0/6000000 2@0/7000000`
    mutating func history(_ a: Arguments) throws {
        view.history = try a.words.map { word in
            let sides = word.split(separator: "@")
            guard sides.count == 2, let timeline = UInt32(sides[0]), let lsn = LSN(sides[1])
            else { throw BadLine(description: "history: TIMELINE@LSN") }
            return HistoryEntry(timeline: Timeline(timeline), lsn: lsn, reason: "no recovery target specified")
        }
    }

    mutating func lease(_ a: Arguments) throws {
        if a.flag("none") { return observation.lease = .none }
        observation.lease = .held(id: Int64(try a.integer("id") ?? 1), deadline: .at(try a.number("deadline") ?? 0))
    }

    /// `peers asked=100 complete h2=0/5000000,standby,tl1,priority2 h3=silent`
    mutating func peers(_ a: Arguments) throws {
        if a.flag("none") { return observation.peers = PeerObservation() }
        var reports: [PeerReport] = []
        for (name, text) in a.values.sorted(by: { $0.key < $1.key }) where name != "asked" {
            let parts = text.split(separator: ",").map(String.init)
            if parts == ["silent"] {
                reports.append(PeerReport(name: name, answer: nil))
                continue
            }
            var answer = PeerReport.Answer(
                isPrimary: parts.contains("primary"), lsn: try a.parse(parts[0]) { LSN($0) }, timeline: Timeline(1),
                mayLead: !parts.contains("nofailover"))
            for part in parts {
                if part.hasPrefix("tl"), let number = UInt32(part.dropFirst(2)) { answer.timeline = Timeline(number) }
                if part == "replay-paused" { answer.isReplayPaused = true }
                if part.hasPrefix("from-") { answer.upstream = String(part.dropFirst(5)) }
                if part == "no-watchdog" { answer.isWatchdogFailed = true }
                if part.hasPrefix("priority"), let number = Int(part.dropFirst(8)) { answer.failoverPriority = number }
            }
            reports.append(PeerReport(name: name, answer: answer))
        }
        let asked = try a.number("asked").map { BootInstant.at($0) }
        observation.peers = PeerObservation(
            askedAt: asked ?? observation.peers.askedAt ?? observation.now, isComplete: a.flag("complete"),
            reports: reports)
    }

    /// `operation running|done|failed NAME [of=h2] [why=...]`
    mutating func operation(_ a: Arguments) throws {
        guard let word = a.words.first, word != "idle" else { return observation.operation = .idle }
        let source = a.values["of"].map { Upstream(name: $0, host: "10.0.0.\($0.dropFirst())", port: 5432) }
        let operation: Operation
        switch a.words.dropFirst().first {
        case "start-primary": operation = .start(.primary)
        case "start-standby": operation = .start(.standby(source))
        case "promote": operation = .promote
        case "demote-immediate": operation = .demote(.immediate)
        case "demote-switchover": operation = .demote(.switchover(candidate: a.values["candidate"]))
        case "demote-offline": operation = .demote(.offline)
        case "rewind": operation = .rewind(from: source ?? Upstream(name: "h2", host: "10.0.0.2", port: 5432))
        case "clone": operation = .clone(from: source ?? Upstream(name: "h2", host: "10.0.0.2", port: 5432))
        case "demote-standby-cluster": operation = .demote(.standbyCluster)
        case "reinitialise": operation = .reinitialise(from: source ?? Upstream(name: "h2", host: "10.0.0.2", port: 5432))
        case "restart": operation = .restart(.asked(timeout: try a.number("timeout").map { .seconds($0) }))
        case "bootstrap": operation = .bootstrap
        default: throw BadLine(description: "operation: which?")
        }
        switch word {
        case "running": observation.operation = .running(operation, since: observation.now)
        case "done": observation.operation = .finished(operation, .done)
        case "failed": observation.operation = .finished(operation, .failed(a.values["why"] ?? "exit 1"))
        case "unavailable": observation.operation = .finished(operation, .unavailable(a.values["why"] ?? "no answer"))
        default: throw BadLine(description: "operation: running, done, failed, unavailable or idle")
        }
    }

    /// `compared remote shared`, `compared h2 diverged since=90 [same-number]`, `compared nobody`
    mutating func compared(_ a: Arguments) throws {
        guard let source = a.words.first, a.words.count > 1 else { return observation.comparison = nil }
        let since = try a.number("since").map { BootInstant.at($0) } ?? observation.now
        observation.comparison = LogComparison(
            source: source,
            finding: a.flag("shared")
                ? .shared : .diverged("the log parted", since: since, isSameNumber: a.flag("same-number")))
    }

    mutating func guardian(_ a: Arguments) throws {
        switch a.words.first {
        case "absent": observation.guardian = .absent
        case "disarmed": observation.guardian = .disarmed
        default: observation.guardian = .armed(deadline: .at(try a.number("deadline") ?? 0))
        }
    }
}
