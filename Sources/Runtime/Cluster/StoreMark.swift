/// How far a member has followed its store. Kept across restarts of the agent: by it an agent knows a store that was
/// restored from an older copy, even when that copy has gone on since and its revisions are higher than before.
public struct StoreMark: Equatable, Sendable {
    /// Keys on whose word roles are taken and given. `status` and the members' keys change all the time and decide
    /// nothing alone, so that they are not worth a write to disk.
    public static let decisiveKeys = ["initialize", "leader", "config", "failover", "sync", "history", "failsafe"]
    /// A busy cluster's revisions rise with each position that is published; one mark in so many is kept.
    public static let revisionStep: Int64 = 1000

    /// etcd's cluster id; 0: not known.
    public var clusterID: UInt64
    public var raftTerm: UInt64
    /// Everything up to this revision was known.
    public var revision: Int64
    /// Modification revisions of those of `decisiveKeys` that there were.
    public var keys: [String: Int64]

    public init(clusterID: UInt64 = 0, raftTerm: UInt64 = 0, revision: Int64, keys: [String: Int64] = [:]) {
        self.clusterID = clusterID
        self.raftTerm = raftTerm
        self.revision = revision
        self.keys = keys
    }

    public init(_ view: ClusterView, clusterID: UInt64 = 0, raftTerm: UInt64 = 0) {
        self.init(clusterID: clusterID, raftTerm: raftTerm, revision: view.revision, keys: view.decisiveRevisions)
    }

    /// Why a later, linearizable view cannot be of the same history; nil when it can. A key that was not written since
    /// the mark must stand where it stood: etcd's revisions never go back, and each is given once.
    public func contradiction(in view: ClusterView) -> String? {
        if view.revision < revision {
            return "the store is at revision \(view.revision) and was at \(revision)"
        }
        for name in Self.decisiveKeys {
            guard let found = view.decisiveRevisions[name], found <= revision, found != keys[name] else { continue }
            let before = keys[name].map { "at \($0)" } ?? "never"
            return "the key \(name) was written last at revision \(found), and at revision \(revision) it was \(before)"
        }
        return nil
    }

    /// An older copy of the store could differ from this mark in what counts, and `kept` would not tell.
    public func isWorthKeeping(after kept: StoreMark?) -> Bool {
        guard let kept else { return true }
        return clusterID != kept.clusterID || raftTerm != kept.raftTerm || keys != kept.keys
            || revision - kept.revision >= Self.revisionStep
    }
}

// MARK: As text

extension StoreMark {
    /// One word and its value a line; keys as `key NAME REVISION`.
    public var text: String {
        var lines = ["cluster \(clusterID)", "term \(raftTerm)", "revision \(revision)"]
        for name in Self.decisiveKeys { if let at = keys[name] { lines.append("key \(name) \(at)") } }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Nil: no mark, or one that cannot be read; lines that this version does not know are passed over.
    public init?(text: String) {
        var values: [Substring: Substring] = [:]
        var keys: [String: Int64] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2 { values[words[0]] = words[1] }
            if words.count == 3, words[0] == "key" {
                guard let at = Int64(words[2]) else { return nil }
                keys[String(words[1])] = at
            }
        }
        guard let cluster = values["cluster"].flatMap({ UInt64($0) }), let term = values["term"].flatMap({ UInt64($0) }),
            let revision = values["revision"].flatMap({ Int64($0) })
        else { return nil }
        self.init(clusterID: cluster, raftTerm: term, revision: revision, keys: keys)
    }
}
