import Cluster
import PostgresModel

/// Replication: the network between standbys and their upstreams, ten times a second.
extension World {
    func stream() {
        for host in hosts { streamOnce(host) }
        for host in hosts where host.isUp && !host.isFrozen { host.postgres.releaseWaiting() }
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
        guard let index = standby.upstream, index != host.index, hosts[index].isUp, !hosts[index].isFrozen,
            !standby.isDiskFull, !standby.isWriteHung
        else { return standby.stand(replayedTo: replayed) }
        let source = hosts[index].postgres
        let there = Network.Node.host(index)
        let here = Network.Node.host(host.index)
        let serves = source.serves && network.isOpen(there, here) && network.isOpen(here, there)
        guard serves else { return standby.stand(replayedTo: replayed) }
        guard standby.log.isPart(of: source.log) else {
            if standby.log.branch.isTwin(of: source.log.branch) { return reinitialise(host) }
            // Its agent waits for a person since the store went back, and so does its upstream.
            if case .regressed? = host.agent?.lastStore { return reinitialise(host) }
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
