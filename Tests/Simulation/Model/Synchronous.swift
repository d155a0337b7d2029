import Cluster
import HACore
import PostgresModel

/// Commits of a primary that wait for standbys (syncrep.c), and the record of what was acknowledged.
struct SynchronousCommits {
    /// In force for a process that has read its configuration since.
    var names = SynchronousStandbyNames.none
    /// Until then some processes still go by the value of before.
    var before = SynchronousStandbyNames.none
    var settledAt = Span.zero
    var waiting: [Waiting] = []

    struct Waiting {
        var position: UInt64
        var names: SynchronousStandbyNames
        var counts: Bool
    }
}

extension SynchronousStandbyNames {
    /// Whether standbys at these positions, in no order, let a commit at `position` through.
    func isSatisfied(at position: UInt64, by standbys: [String: UInt64]) -> Bool {
        if isNone { return true }
        let there = names.filter { standbys[$0] != nil }
        let asked = method == .any ? there : Array(there.prefix(count))
        return asked.filter { (standbys[$0] ?? 0) >= position }.count >= count
    }
}

extension ModelPostgres {
    /// Standbys that stream from here, with what they have on disk.
    var connectedStandbys: [String: UInt64] {
        var found: [String: UInt64] = [:]
        for other in world.hosts where other.postgres !== self && other.postgres.streams(from: self) {
            found[other.name] = other.postgres.log.position
        }
        return found
    }

    /// `synchronous_standby_names` by reload: every process reads it when it comes to it.
    func setSynchronous(_ names: SynchronousStandbyNames) {
        guard names != sync.names else { return }
        world.note("h\(host + 1): synchronous_standby_names = '\(names)'")
        sync.before = sync.names
        sync.names = names
        sync.settledAt = isWritable ? world.now + .ms(400) : world.now
    }

    /// A client's transaction: acknowledged now, or when the standbys have it.
    func commit(_ bytes: UInt64, counts: Bool) {
        append(bytes)
        let isLate = world.now < sync.settledAt && world.random.chance(500)
        let names = isLate ? sync.before : sync.names
        if names.isNone { return acknowledge(log.position, counts: counts) }
        sync.waiting.append(.init(position: log.position, names: names, counts: counts))
    }

    /// Lets through what the standbys have. A reload changes what waiting commits wait for.
    func releaseWaiting() {
        guard !sync.waiting.isEmpty, isWritable || process == .stopping else { return }
        let standbys = connectedStandbys
        var still: [SynchronousCommits.Waiting] = []
        for waiting in sync.waiting {
            let names = world.now < sync.settledAt ? waiting.names : sync.names
            if names.isSatisfied(at: waiting.position, by: standbys) {
                acknowledge(waiting.position, counts: waiting.counts)
            } else {
                still.append(waiting)
            }
        }
        sync.waiting = still
    }

    private func acknowledge(_ position: UInt64, counts: Bool) {
        world.acknowledged(self, LogEnd(branch: log.branch, position: position), counts: counts)
    }

    /// pg_stat_replication.
    var replicationConnections: [ReplicationConnection] {
        guard !isRecovery else { return [] }
        return connectedStandbys.sorted { $0.key < $1.key }.map { name, position in
            let state: ReplicationConnection.SyncState =
                sync.names.names.contains(name) ? (sync.names.method == .any ? .quorum : .sync) : .async
            return ReplicationConnection(name: name, syncState: state, acknowledged: LSN(rawValue: position))
        }
    }
}

extension World {
    func acknowledged(_ postgres: ModelPostgres, _ end: LogEnd, counts: Bool) {
        // Those of a primary that nothing of ours can stop, too: its standbys must not let them through.
        if options.synchronous != .off {
            let known = checker.promised[ObjectIdentifier(end.branch)]
            if (known?.position ?? 0) < end.position { checker.promised[ObjectIdentifier(end.branch)] = end }
        }
        guard counts else { return }
        end.branch.acknowledged = max(end.branch.acknowledged, end.position)
        checker.commits += 1
        checker.line = LogEnd(branch: end.branch, position: end.branch.acknowledged)
        checker.lineHost = postgres.host
        checker.drill.served(at: now)
    }

    /// I2 in synchronous mode: everything that was ever acknowledged is in the log of whoever becomes a primary.
    func checkNothingLost(_ host: Host, _ before: LogEnd) {
        guard options.synchronous != .off, !checker.isLossAccepted else { return }
        for end in checker.promised.values {
            let common = end.common(with: before)
            guard common < end.position else { continue }
            violate("I2", "\(host.name) is promoted at \(LSN(rawValue: before.position)) on timeline \(before.branch.number) "
                + "without acknowledged commits up to \(LSN(rawValue: end.position)) of timeline \(end.branch.number)")
        }
    }
}
