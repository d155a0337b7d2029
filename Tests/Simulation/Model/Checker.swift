import Cluster
import HACore
import PostgresModel

/// What is known of the truth, and what has happened so far.
struct Checker {
    let root = Branch(number: 1, parent: nil, start: 0x500_0000)
    var violation: Violation?
    /// Rules of the core that decided at least once.
    var rules: Set<Int> = []
    var fences = 0
    var stops = 0
    var promotions = 0
    var commits = 0
    /// Commits of hosts that nothing could have stopped: just thawed, without agent and guard, or paused.
    var excused = 0
    var lostBytes: UInt64 = 0
    /// Synchronous mode: the end of what was acknowledged on each branch of the log.
    var promised: [ObjectIdentifier: LogEnd] = [:]
    /// A person has asked for a failover to a member of their choice.
    var isLossAccepted = false
    /// When a person last asked for a switchover, failover, restart or copy.
    var askedAt: Span?
    /// Standbys that a person had to make anew.
    var twins = 0
    /// The log that clients were served from last, and whose it is.
    var line: LogEnd?
    var lineHost: Int?
    /// When something was last done to the world from outside.
    var disturbed = Span.zero
    var drill = DrillRecord()
}

extension World {
    /// Clients write to every server that lets them, as clients with stale addresses do.
    func clientsWrite() {
        for host in hosts where host.isUp && !host.isFrozen && host.postgres.isWritable { commit(on: host) }
        after(options.commitEvery) { [weak self] in self?.clientsWrite() }
    }

    private func commit(on host: Host) {
        if host.postgres.isDiskFull { return host.postgres.panic() }
        if let (invariant, text) = doubt(about: host) {
            guard host.excuse != nil else { return violate(invariant, text) }
            checker.excused += 1
            return host.postgres.commit(options.commitBytes, counts: false)
        }
        host.postgres.commit(options.commitBytes, counts: true)
    }

    /// Why this host must not acknowledge anything now.
    private func doubt(about host: Host) -> (String, String)? {
        let holder = etcd.view.leader?.name
        // What a restored store says of the lock is history; nobody who saw the present acts on it.
        if let holder, holder != host.name, !etcd.wasRestored {
            return ("I1", "\(host.name) acknowledges a commit while \(holder) holds the lock")
        }
        let others = hosts.filter { $0 !== host && $0.isUp && !$0.isFrozen && $0.postgres.isWritable && $0.excuse == nil }
        if let other = others.first { return ("I1", "\(host.name) and \(other.name) are both writable") }
        if let limit = host.mayWriteUntil, now > limit {
            return ("I11", "\(host.name) acknowledges a commit \((now - limit).seconds) s after its lease can have expired")
        }
        return nil
    }

    /// A standby has become writable.
    func becamePrimary(_ host: Host, from before: LogEnd) {
        checker.promotions += 1
        note("\(host.name): writable on timeline \(host.postgres.log.branch.number) from \(LSN(rawValue: before.position))")
        if host.isMisled { return }
        checkNothingLost(host, before)
        if host.excuse != nil { return }
        guard let holder = etcd.view.leader?.name else { return checkLoss(host, before) }
        if holder != host.name, !etcd.wasRestored { violate("I3", "\(host.name) becomes a primary while \(holder) holds the lock") }
        checkLoss(host, before)
    }

    /// What the new line lacks of what was acknowledged: no more than maximum_lag_on_failover of what the last
    /// leader had published; what it acknowledged after its last publication nobody else can know of.
    private func checkLoss(_ host: Host, _ before: LogEnd) {
        guard let line = checker.line, !checker.isLossAccepted else { return }
        let common = line.common(with: before)
        let acknowledged = line.branch.acknowledged
        guard acknowledged > common else { return }
        checker.lostBytes += acknowledged - common
        let published = line.branch.path.map(\.published).max() ?? 0
        // A write that was late may have put `status` back; what it does not say nobody can know.
        let known = min(acknowledged, published, etcd.optimeAtLoss?.rawValue ?? 0)
        note("\(host.name): \(acknowledged - common) acknowledged bytes are not in its log, \(known > common ? known - common : 0) of them published")
        if known > common, known - common > UInt64(options.maximumLag) {
            violate("I2", "\(host.name) was promoted \(known - common) bytes behind the published position "
                + "(allowed \(options.maximumLag))")
        }
    }

    /// A standby has taken the lock. Nobody who could have said so in time may be ahead of it.
    func tookLock(_ name: String) {
        guard let host = host(name), host.postgres.isUp, host.postgres.isRecovery else { return }
        guard etcd.view.failover?.candidate != name, now - checker.disturbed > .s(5), isQuiet else { return }
        let mine = host.postgres.log
        for other in hosts where other !== host && couldAnswer(other, to: host) {
            let theirs = other.postgres.log
            guard theirs.position > mine.position, mine.isPart(of: theirs) else { continue }
            if etcd.view.history.contains(where: { $0.timeline.rawValue == theirs.branch.number }) { continue }
            // What only others have was never acknowledged.
            if options.synchronous != .off, etcd.view.sync?.standbys.contains(other.name) != true { continue }
            violate("I3", "\(name) takes the lock at \(LSN(rawValue: mine.position)) while \(other.name), which "
                + "answers, is at \(LSN(rawValue: theirs.position))")
        }
    }

    private var isQuiet: Bool { network.lossPermille == 0 && network.slowest <= .ms(50) }

    /// It has been a running standby with a working agent and this position for longer than reports are good for.
    private func couldAnswer(_ other: Host, to host: Host) -> Bool {
        let there = Network.Node.host(other.index)
        let here = Network.Node.host(host.index)
        guard other.isUp, !other.isFrozen, other.postgres.isUp, other.postgres.isRecovery, !other.postgres.isHung,
            !other.postgres.isPostmasterStopped, !options.nofailover[other.index], network.isOpen(there, here),
            network.isOpen(here, there), let agent = other.agent, agent.isAlive, !agent.isStopped, !agent.isStuck
        else { return false }
        return now - other.postgres.grewAt > .s(4 + options.loopWait.seconds * 2) && now - agent.startedAt > .s(10)
            && now - other.postgres.upSince > .s(4 + options.loopWait.seconds * 2)
    }

    /// Why the cluster is not well; nil when it is.
    var complaint: String? {
        guard let name = etcd.view.leader?.name, let leader = host(name) else { return "nobody leads" }
        guard leader.postgres.isWritable else { return "\(name) has the lock and is not writable" }
        for host in hosts where host !== leader {
            if options.synchronous != .off, options.members > 1, leader.postgres.sync.names.members.isEmpty {
                return "\(name) has no synchronous standby"
            }
            guard host.postgres.streams(from: leader.postgres) else {
                return "\(host.name) does not stream from \(name) (\(host.agent?.rule?.description ?? "no agent"))"
            }
        }
        return nil
    }
}
