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
    /// Commits let through in the moments between a thaw and the guard's signal.
    var excused = 0
    var lostBytes: UInt64 = 0
    /// Standbys that a person had to make anew.
    var twins = 0
    /// The log that clients were served from last.
    var line: LogEnd?
}

extension World {
    /// Clients write to every server that lets them, as clients with stale addresses do.
    func clientsWrite() {
        for host in hosts where host.isUp && !host.isFrozen && host.postgres.isWritable { commit(on: host) }
        after(options.commitEvery) { [weak self] in self?.clientsWrite() }
    }

    private func commit(on host: Host) {
        let holder = etcd.view.leader?.name
        if let holder, holder != host.name {
            guard now >= host.thawGrace else {
                checker.excused += 1
                return
            }
            return violate("I1", "\(host.name) acknowledges a commit while \(holder) holds the lock")
        }
        let others = hosts.filter { $0 !== host && $0.isUp && !$0.isFrozen && $0.postgres.isWritable }
        if let other = others.first(where: { now >= $0.thawGrace }), now >= host.thawGrace {
            return violate("I1", "\(host.name) and \(other.name) are both writable")
        }
        host.postgres.commit(options.commitBytes)
        checker.commits += 1
        checker.line = host.postgres.log
    }

    /// A standby has become writable.
    func becamePrimary(_ host: Host, from before: LogEnd) {
        checker.promotions += 1
        note("\(host.name): writable on timeline \(host.postgres.log.branch.number) from \(LSN(rawValue: before.position))")
        let holder = etcd.view.leader?.name
        if holder != host.name, let holder { violate("I3", "\(host.name) becomes a primary while \(holder) holds the lock") }
        checkLoss(host, before)
    }

    /// What the new line lacks of what was acknowledged: no more than maximum_lag_on_failover of what the last
    /// leader had published; what it acknowledged after its last publication nobody else can know of.
    private func checkLoss(_ host: Host, _ before: LogEnd) {
        guard let line = checker.line else { return }
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

    /// Why the cluster is not well; nil when it is.
    var complaint: String? {
        guard let name = etcd.view.leader?.name, let leader = host(name) else { return "nobody leads" }
        guard leader.postgres.isWritable else { return "\(name) has the lock and is not writable" }
        for host in hosts where host !== leader {
            guard host.postgres.streams(from: leader.postgres) else {
                return "\(host.name) does not stream from \(name) (\(host.agent?.rule?.description ?? "no agent"))"
            }
        }
        return nil
    }

    /// The network between standbys and their upstreams, ten times a second.
    func stream() {
        for host in hosts { streamOnce(host) }
        after(.ms(100)) { [weak self] in self?.stream() }
    }

    /// Two timelines of one number that began at the same position cannot be told apart by number and history; the
    /// standby stops at the first record that does not fit, and a person has to make it anew.
    private func reinitialise(_ host: Host) {
        note("operator: \(host.name) is made anew, its timeline has a twin")
        checker.twins += 1
        host.postgres.wipe()
    }

    private func streamOnce(_ host: Host) {
        let standby = host.postgres
        guard host.isUp, !host.isFrozen, standby.isUp, standby.isRecovery, !standby.isHung else { return }
        let rate = isCalm ? max(options.streamRate, 10_000_000) : options.streamRate
        let replay = options.slowReplay && !isCalm ? rate / 4 : rate
        let replayed = standby.isReplayPaused ? standby.replayed : standby.replayed + replay
        guard let index = standby.upstream, index != host.index, hosts[index].isUp, !hosts[index].isFrozen else {
            return standby.stand(replayedTo: replayed)
        }
        let source = hosts[index].postgres
        let there = Network.Node.host(index)
        let here = Network.Node.host(host.index)
        let serves = source.serves && network.isOpen(there, here) && network.isOpen(here, there)
        guard serves else { return standby.stand(replayedTo: replayed) }
        guard standby.log.isPart(of: source.log) else {
            if standby.log.branch.isTwin(of: source.log.branch) { return reinitialise(host) }
            if standby.log.branch.number == source.log.branch.number, source.log.position >= standby.log.position {
                violate("split log", "\(host.name) would stream a timeline \(standby.log.branch.number) that is not its own")
            }
            return standby.stand(replayedTo: replayed)
        }
        let end = min(source.log.position, standby.log.position + rate)
        standby.noteStreaming(true)
        standby.receive(standby.log.followed(along: source.log, to: end), replayedTo: replayed)
    }
}

extension ModelPostgres {
    /// Has senders: until the end of an orderly stop.
    var serves: Bool { (process == .running || process == .stopping) && !isHung && !isEnding }

    /// Not streaming: what is here is still replayed.
    func stand(replayedTo position: UInt64) {
        noteStreaming(false)
        receive(log, replayedTo: position)
    }
}
