import Cluster

/// One thing that happens to a healthy cluster, with what it may cost: the invariants with a bound (I11, I13) and the
/// rows of the fault list that count leader changes. Random faults that overlap have no such bounds.
enum Drill: String, CaseIterable, Sendable {
    /// Rows 27 and 28: nobody is told of the leader's end.
    case leaderPowerOff, leaderCut
    /// Row 30: what it says is heard, and it hears nobody.
    case leaderDeaf
    /// Row 25, and a host that freezes as a whole (row 38 with clocks that run on).
    case agentStop, hostFreeze
    /// The decision loop hangs while the rest of the agent goes on.
    case agentStuck
    /// Rows 22 and 26: the agent alone dies, again and again.
    case agentRestarts
    /// Row 23.
    case postmasterKill
    /// Row 41: the server answers, and no write ends.
    case writeHang
    case switchover
    /// Rows 31, 33 and 35.
    case etcdOutage, slowWrites, elections
    /// Row 49.
    case fiveKills
    /// Row 37 in effect: nothing at all happens for ten minutes; the clocks drift.
    case nothing
}

/// What a drill costs.
struct DrillRecord {
    var since: Span?
    private var lastServed = Span.zero
    private(set) var worstGap = Span.zero
    private(set) var leaders: [String] = []
    private(set) var stops = 0

    mutating func begin(at moment: Span, leader: String?) {
        since = moment
        lastServed = moment
        leaders = leader.map { [$0] } ?? []
    }

    mutating func served(at moment: Span) {
        guard since != nil else { return }
        worstGap = max(worstGap, moment - lastServed)
        lastServed = moment
    }

    mutating func leads(_ name: String) {
        if since != nil, leaders.last != name { leaders.append(name) }
    }

    mutating func stopped() { if since != nil { stops += 1 } }

    var changes: Int { max(0, leaders.count - 1) }

    /// The gap that is still open counts, too.
    mutating func end(at moment: Span) { worstGap = max(worstGap, moment - lastServed) }
}

extension Drill {
    struct Cost {
        var gap: Span
        var changes: Int
        var stops = Int.max
    }

    /// A healthy cluster in which only this happens.
    func shape(_ options: inout Options) {
        options.members = 3
        options.failsafe = true
        options.maximumLag = 1 << 20
        options.priorities = [1, 1, 1]
        options.nofailover = [false, false, false]
        options.watchdog = .off
        options.watchLag = .ms(3)
        options.commitEvery = .ms(50)
        options.commitBytes = 200
        options.streamRate = 1 << 30
        options.slowReplay = false
        options.slowOperations = false
        options.faults = []
        options.faultTime = length(options)
        // A deaf leader takes the standbys it has lost out of `sync`, and is heard; then nobody may follow it.
        if self == .leaderDeaf { options.synchronous = .off }
    }

    private func length(_ options: Options) -> Span {
        switch self {
        case .etcdOutage: .s(330)
        case .slowWrites, .nothing: .s(600)
        case .elections: .s(120)
        case .fiveKills: .s(600)
        case .leaderPowerOff, .leaderCut, .leaderDeaf, .agentStop, .hostFreeze, .agentStuck, .writeHang: options.ttl * 4
        case .agentRestarts: options.ttl * 6
        case .postmasterKill, .switchover: .s(40)
        }
    }

    /// Writes stop at the fault; the lease runs out `ttl` after its last renewal, which was before the fault. etcd
    /// looks for ended leases every half second, the race waits for the silent for 0.7 s, and a promotion takes 0.4 s.
    func mayCost(_ options: Options) -> Cost {
        let isSync = options.synchronous != .off
        // A new leader's first commit may have to wait for a standby to come over.
        let failover = options.ttl + .s(2.5) + (isSync ? .s(15) : .zero)
        return switch self {
        case .leaderPowerOff, .leaderCut, .agentStop, .hostFreeze, .agentStuck: Cost(gap: failover, changes: 1)
        // One renewal more is carried out, and its answer lost.
        case .leaderDeaf: Cost(gap: failover + options.ttl / 2, changes: 1)
        // Found by a probe, and borne for ttl.
        case .writeHang: Cost(gap: failover + options.loopWait * 2, changes: 1)
        case .fiveKills: Cost(gap: failover, changes: 5)
        // Restarted in place: the modelled recovery takes up to eight seconds.
        case .postmasterKill: isSync ? Cost(gap: .s(9.5), changes: 1) : Cost(gap: .s(9.5), changes: 0, stops: 1)
        // The modelled stop takes up to a second.
        case .switchover: Cost(gap: isSync ? .s(10) : .s(2.5), changes: 1)
        case .agentRestarts, .etcdOutage, .elections, .nothing: Cost(gap: .ms(200), changes: 0, stops: 0)
        case .slowWrites: Cost(gap: options.ttl * 3, changes: 1)
        }
    }
}

extension World {
    func begin(_ drill: Drill) {
        let leader = etcd.view.leader?.name
        checker.drill.begin(at: now, leader: leader)
        note("drill: \(drill.rawValue)")
        guard let leader, let host = host(leader) else { return violate("start", "nobody leads before the drill") }
        chance = SplitMix(seed: seed ^ 0xD111)
        let wait = chance.between(.zero, options.ttl / 2)
        after(wait) { [weak self] in self?.carryOut(drill, on: host) }
    }

    private func carryOut(_ drill: Drill, on host: Host) {
        let length = options.ttl * 2 + .s(3)
        switch drill {
        case .leaderPowerOff: host.powerOff()
        case .leaderCut: cut(.cutHost, host, options.faultTime)
        case .leaderDeaf: deafen(host, options.faultTime)
        case .agentStop: stopAgent(host, length)
        case .agentStuck: stickAgent(host, length)
        case .hostFreeze:
            host.freeze()
            after(length) { host.thaw() }
        case .agentRestarts: restartAgain(until: now + options.faultTime - options.ttl)
        case .postmasterKill: killPostmaster(host)
        case .writeHang: host.postgres.isWriteHung = true
        case .switchover: ask(from: host.name, to: chance.chance(500) ? hosts.last { $0 !== host }?.name : nil)
        case .etcdOutage:
            etcd.goDown()
            after(.s(300)) { [weak self] in self?.etcdBack() }
        case .slowWrites:
            etcd.slowestWrite = .s(8)
            etcd.fastestWrite = .s(2)
        case .elections: electAgain(until: now + .s(100))
        case .fiveKills: killLeader(times: 5)
        case .nothing: break
        }
    }

    private func restartAgain(until end: Span) {
        guard now < end, !isCalm else { return }
        if let name = etcd.view.leader?.name, let host = host(name) {
            host.killAgent(restartAfter: chance.between(.ms(100), .s(1)))
        }
        after(chance.between(.s(3), .s(8))) { [weak self] in self?.restartAgain(until: end) }
    }

    private func electAgain(until end: Span) {
        guard now < end, !isCalm else { return }
        etcd.goDown()
        after(chance.between(.ms(200), .s(1))) { [weak self] in self?.etcdBack() }
        after(.s(5)) { [weak self] in self?.electAgain(until: end) }
    }

    private func killLeader(times: Int) {
        guard times > 0, !isCalm else { return }
        if let name = etcd.view.leader?.name, let host = host(name) {
            host.powerOff()
            after(.s(30)) { host.powerOn() }
        }
        after(.s(110)) { [weak self] in self?.killLeader(times: times - 1) }
    }

    func judge(_ drill: Drill) {
        checker.drill.end(at: now)
        let record = checker.drill
        let may = drill.mayCost(options)
        note("drill: gap \(record.worstGap.seconds) s, leaders \(record.leaders.joined(separator: " ")), \(record.stops) stops")
        if record.worstGap > may.gap {
            violate("I11", "\(drill.rawValue): no write for \(record.worstGap.seconds) s, allowed \(may.gap.seconds)")
        }
        if record.changes > may.changes {
            violate("I11", "\(drill.rawValue): leaders were \(record.leaders.joined(separator: ", "))")
        }
        if record.stops > may.stops {
            violate("I13", "\(drill.rawValue): PostgreSQL was stopped \(record.stops) times, allowed \(may.stops)")
        }
    }
}
