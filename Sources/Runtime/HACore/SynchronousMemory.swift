import Cluster
import PostgresModel
import Timekeeping

/// Whether the names in force have everything that was written before they came into force.
public struct SyncNamesMemory: Equatable, Sendable {
    public var names: SynchronousStandbyNames
    /// Since when they are seen in force.
    public var since: BootInstant
    /// The primary's position when every process of it must have read them.
    public var target: LSN?
    public var isConfirmed: Bool

    public init(names: SynchronousStandbyNames, since: BootInstant, target: LSN? = nil, isConfirmed: Bool = false) {
        self.names = names
        self.since = since
        self.target = target
        self.isConfirmed = isConfirmed
    }

    /// Each process of the server reads a reloaded setting by itself; until all have, a commit may be acknowledged
    /// by the rule of before.
    public static let settling: Duration = .seconds(1)

    mutating func look(at primary: ServerObservation.Running, now: BootInstant) {
        guard !isConfirmed else { return }
        if target == nil, now - since >= Self.settling { target = primary.lsn }
        guard let target else { return }
        let wanted = Set(names.names.map { $0.lowercased() })
        let there = primary.connections.filter { connection in
            connection.isStreaming && connection.syncState != .async && wanted.contains(connection.name.lowercased())
                && connection.acknowledged.map { $0 >= target } ?? false
        }
        isConfirmed = Set(there.map { $0.name.lowercased() }).count >= names.count
    }
}

extension Memory {
    mutating func noteSyncNames(_ o: Observation) {
        guard case .running(let primary) = o.server.process, !primary.isInRecovery, o.settings.synchronousMode != .off,
            let names = primary.synchronousStandbys
        else {
            syncNames = nil
            return
        }
        if syncNames?.names != names { syncNames = SyncNamesMemory(names: names, since: o.now) }
        syncNames?.look(at: primary, now: o.now)
    }
}

/// Writes of the key `sync` by this leader of which the store has not told yet.
public struct SyncKeyMemory: Equatable, Sendable {
    /// The key's modification revision as last seen, 0 without a key.
    public var revision: Int64
    /// The key has changed since this agent looked first, so that no write of an agent before it can come through any
    /// more: each of them was for the revision of then.
    public var isSettled: Bool
    /// What was sent for this revision.
    var sent: [SyncResolver.Key]

    public init(revision: Int64, isSettled: Bool = false) {
        self.revision = revision
        self.isSettled = isSettled
        sent = []
    }
}

extension Memory {
    mutating func noteSyncKey(_ view: ClusterView) {
        let revision = view.sync?.modRevision ?? 0
        guard let known = syncKey else { return syncKey = SyncKeyMemory(revision: revision) }
        if known.revision != revision { syncKey = SyncKeyMemory(revision: revision, isSettled: true) }
    }

    mutating func noteSent(_ actions: [Action]) {
        for case .writeSync(_, let standbys, let quorum, let revision) in actions where revision == syncKey?.revision {
            let key = SyncResolver.Key(voters: Set(standbys), quorum: quorum)
            if let known = syncKey, !known.sent.contains(key) { syncKey?.sent.append(key) }
        }
    }
}
