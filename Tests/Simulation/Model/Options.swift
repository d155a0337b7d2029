import Cluster
import HACore

/// What varies from seed to seed ("swarm"): each run has some kinds of fault and not others, so that the rare
/// combinations are not drowned by the common ones.
package struct Options: Sendable, CustomStringConvertible {
    var members = 3
    var ttl = Span.s(12)
    var loopWait = Span.s(4)
    var retryTimeout = Span.s(4)
    var failsafe = true
    var checkTimeline = false
    var usePgRewind = true
    var canRewind = true
    var maximumLag: Int64 = 1 << 20
    var priorities: [Int] = []
    var nofailover: [Bool] = []
    var watchLag = Span.ms(3)
    /// Millionths that each host's clock gains.
    var drifts: [Int64] = []
    var drill: Drill?
    var watchdog = WatchdogMode.off
    var hasWatchdog: [Bool] = []
    var synchronous = SynchronousMode.off
    var isStrict = false
    var synchronousNodes = 1
    var commitEvery = Span.ms(100)
    var commitBytes: UInt64 = 2000
    /// Bytes a standby receives in a tenth of a second.
    var streamRate: UInt64 = 1 << 30
    var slowReplay = false
    var slowOperations = false
    var faults: [Fault] = []
    var faultEvery = Span.s(6)
    var faultTime = Span.s(60)
    /// Numbers of planned faults that are left out.
    package var dropped: Set<Int> = []

    static func random(_ seed: UInt64) -> Options {
        var r = SplitMix(seed: seed ^ 0xA5A5_5A5A)
        var options = Options()
        options.members = r.pick([2, 3, 3, 3, 3, 4, 5])
        let (ttl, loop, retry) = r.pick([(6.0, 2.0, 2.0), (12, 4, 4), (12, 4, 4), (12, 4, 4), (30, 10, 10)])
        options.ttl = .s(ttl)
        options.loopWait = .s(loop)
        options.retryTimeout = .s(retry)
        options.failsafe = r.chance(700)
        options.checkTimeline = true
        options.usePgRewind = !r.chance(150)
        options.canRewind = !r.chance(150)
        options.maximumLag = r.pick([1 << 20, 1 << 20, 10_000, 0])
        options.priorities = (0..<options.members).map { _ in r.chance(150) ? 2 : 1 }
        options.nofailover = (0..<options.members).map { $0 > 1 && r.chance(80) }
        options.watchLag = r.pick([.ms(3), .ms(3), .ms(50), .s(1), .s(4)])
        options.commitEvery = r.pick([.ms(50), .ms(200), .ms(300)])
        options.commitBytes = r.pick([200, 2000, 100_000])
        options.streamRate = r.pick([1 << 30, 1 << 30, 1 << 30, 100_000, 5_000])
        options.slowReplay = r.chance(150)
        options.slowOperations = r.chance(200)
        options.drifts = (0..<5).map { _ in Int64(r.below(401)) - 200 }
        options.watchdog = r.pick([.off, .off, .off, .automatic, .required])
        options.hasWatchdog = (0..<options.members).map { $0 < 2 || r.chance(700) }
        options.faults = Fault.allCases.filter { fault in
            r.chance(fault.isRare ? 60 : 300)
        }
        options.faultEvery = r.pick([.s(2), .s(5), .s(10), .s(20)])
        options.faultTime = .s(ttl * r.pick([3.0, 5, 8]))
        options.chooseSynchronous(&r)
        if r.chance(100) {
            let drill = r.pick(Drill.allCases)
            options.drill = drill
            drill.shape(&options)
        }
        return options
    }

    private mutating func chooseSynchronous(_ r: inout SplitMix) {
        let mode = r.pick([SynchronousMode.off, .off, .on, .quorum])
        isStrict = r.chance(300)
        synchronousNodes = r.pick([1, 1, 2])
        guard mode != .off else { return }
        synchronous = mode
        if r.chance(800) { faults.removeAll { $0 == .failover } }
    }

    package var description: String {
        (drill.map { "drill \($0.rawValue), " } ?? "") + "\(members) members, sync \(synchronous.rawValue)\(isStrict ? " strict" : "") \(synchronousNodes), ttl \(ttl.seconds), failsafe \(failsafe), check_timeline \(checkTimeline), "
            + "rewind \(usePgRewind && canRewind), watchdog \(watchdog.rawValue), lag \(maximumLag), watch lag \(watchLag.seconds), "
            + "commits \(commitBytes) each \(commitEvery.seconds), stream \(streamRate), "
            + "faults each \(faultEvery.seconds) s: \(faults.map(\.rawValue).joined(separator: " "))"
            + (dropped.isEmpty ? "" : ", left out: \(dropped.sorted().map(String.init).joined(separator: ","))")
    }
}

enum Fault: String, CaseIterable, Sendable {
    case agentKill, agentStop, agentStuck, agentAndGuardKill, guardKill
    case powerOff, freeze, stall
    case postmasterKill, postmasterStop, diskHang, diskFull, writeHang, handStop
    case cutEtcd, cutPeers, cutHost, oneWay, loss, slowNetwork
    case etcdOutage, etcdElection, etcdSlow, etcdSlowWrites, etcdAmbiguous, etcdRestore, watchStall
    case switchover, failover, restart, reinitialise, pause, replayPause
    case scheduledSwitchover, scheduledRestart, clockJump

    /// What ends or excuses most of what could be seen beside it.
    var isRare: Bool { self == .etcdRestore || self == .pause || self == .agentAndGuardKill || self == .stall }
}

/// Bugs on purpose, in the modelled agent, to prove that the simulator finds their like.
/// One fault of a run: when it comes, and the chance that decides its victim, its length and its details. Each has
/// its own, so that leaving one out changes nothing in the others.
struct PlannedFault {
    var at: Span
    var fault: Fault
    var random: SplitMix
}

extension Options {
    /// The faults of a seed, in order; their places in this list are their numbers.
    func plannedFaults(_ seed: UInt64) -> [PlannedFault] {
        guard !faults.isEmpty else { return [] }
        var random = SplitMix(seed: seed ^ 0xFA17_FA17)
        var planned: [PlannedFault] = []
        var at = Span.zero
        while true {
            at = at + random.between(.ms(100), faultEvery * 2)
            guard at < faultTime else { return planned }
            planned.append(PlannedFault(at: at, fault: random.pick(faults), random: SplitMix(seed: random.next())))
        }
    }
}

package enum Mutation: String, CaseIterable, Sendable {
    /// Core and guard believe that the lease lasts an hour longer.
    case ignoreDeadline
    /// Whoever sees no leader takes part, however far behind.
    case skipLagCheck
    /// The lock is taken because the own view shows none, without the compare in the store.
    case trustStaleView
    /// A switchover gives the lock away first and stops the server then.
    case releaseBeforeStop
    /// The guard is armed four seconds beyond the lease's deadline.
    case lateGuard
    /// No guard is ever armed.
    case noGuard
    /// Synchronous mode: `sync` names standbys before commits wait for them.
    case syncBeforeNames
    /// Synchronous mode: commits stop waiting for a standby while `sync` still names it.
    case namesBeforeSync
    /// Synchronous mode does not keep others out of the race.
    case promoteAnyone
    /// Nobody looks whether writes end.
    case noWriteProbe
    /// A schedule is taken for its order.
    case ignoreSchedule
    /// A standby that was left out of `sync` goes at once, and commits still wait for it.
    case hastyLeave
    /// A lease is renewed again and again although no answer comes.
    case renewUnheard

    /// What it breaks. Finding it by anything else would prove little.
    var breaks: Set<String> {
        switch self {
        case .noWriteProbe, .renewUnheard: ["I11"]
        case .ignoreSchedule: ["schedule"]
        case .hastyLeave: ["opt-out"]
        case .ignoreDeadline, .lateGuard, .noGuard, .releaseBeforeStop, .trustStaleView: ["I1", "I3", "I11"]
        case .skipLagCheck: ["I2", "I3"]
        case .syncBeforeNames, .namesBeforeSync, .promoteAnyone: ["I2"]
        }
    }
}
