import Cluster
import Etcd

/// The keys below a cluster's base path at one revision: a full read, then the watch's events on top.
///
/// A value without I/O. It never goes back: what is older than its revision is passed over.
struct KeyCache: Sendable {
    let paths: StorePaths
    private(set) var keys: [String: StoredValue]
    /// Of the read, or of the last event applied.
    private(set) var revision: Int64
    private(set) var view: ClusterView

    init(_ range: RangeResult, paths: StorePaths) {
        self.init(range.keyValues, revision: range.header.revision, paths: paths)
    }

    init(_ keyValues: [KeyValue] = [], revision: Int64 = 0, paths: StorePaths) {
        self.paths = paths
        self.revision = revision
        keys = [:]
        for keyValue in keyValues {
            if let name = paths.name(of: keyValue.key) { keys[name] = StoredValue(keyValue) }
        }
        view = ClusterView.decode(keys, revision: revision)
    }

    /// Takes a newer read. Returns false when it is older than what is here already.
    mutating func replace(with other: KeyCache) -> Bool {
        guard other.revision >= revision else { return false }
        self = other
        return true
    }

    /// Applies a watch's events. Those up to the cache's revision are contained in the read already.
    mutating func apply(_ events: [WatchEvent]) {
        for event in events where event.keyValue.modRevision > revision {
            guard let name = paths.name(of: event.keyValue.key) else { continue }
            // An own write is noted before its event comes; what is older than that must not take its place.
            if let known = keys[name], known.modRevision > event.keyValue.modRevision { continue }
            keys[name] = event.kind == .put ? StoredValue(event.keyValue) : nil
        }
        revision = max(revision, events.map(\.keyValue.modRevision).max() ?? 0)
        view = ClusterView.decode(keys, revision: revision)
    }

    /// Notes an own write whose event is still to come. The revision stays: there may be others' events before it.
    mutating func note(_ name: String, _ value: StoredValue?) {
        keys[name] = value
        view = ClusterView.decode(keys, revision: revision)
    }
}

extension StoredValue {
    init(_ keyValue: KeyValue) {
        self.init(
            value: keyValue.value, createRevision: keyValue.createRevision, modRevision: keyValue.modRevision,
            lease: keyValue.lease)
    }
}
