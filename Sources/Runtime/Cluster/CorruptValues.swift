import JSON

/// What a reader of the store should say of values that it cannot use. `ClusterView.decode` takes them for empty
/// and goes on; nothing is decided on them.
public enum CorruptValues {
    /// A sentence for each key below the base path whose value is not of its kind, in the order of the keys. The
    /// values themselves are never repeated.
    public static func sentences(_ keys: [String: StoredValue]) -> [String] {
        keys.keys.sorted().compactMap { path in
            guard let stored = keys[path], let reason = reason(path, stored) else { return nil }
            return "the store's key '\(shown(path))' \(reason)"
        }
    }

    private static func reason(_ path: String, _ stored: StoredValue) -> String? {
        if path.hasPrefix("members/") {
            guard path.split(separator: "/", omittingEmptySubsequences: false).count == 2 else { return nil }
            let isKnown = stored.text.hasPrefix("postgres") || stored.object != nil
            return isKnown ? nil : "is no JSON object: this member counts as one that says nothing"
        }
        switch path {
        case "leader": return stored.text.isEmpty ? "is empty: it names no member" : nil
        case "initialize":
            let isNumber = stored.text.utf8.allSatisfy { (0x30...0x39).contains($0) }
            return isNumber ? nil : "is no system identifier: it counts as not valid"
        case "config": return stored.object == nil ? "is no JSON object: the last valid configuration stays in force" : nil
        case "sync": return stored.object == nil ? "is no JSON object: nobody counts as synchronous" : nil
        case "failsafe": return stored.object == nil ? "is no JSON object: it counts as absent" : nil
        case "failover":
            let isKnown = stored.object != nil || stored.text.isEmpty || stored.json == nil && stored.text.contains(":")
            return isKnown ? nil : "is no request for a switchover: it counts as none"
        case "history":
            guard let entries = stored.json?.array else { return "is no JSON list: it counts as empty" }
            let bad = entries.count - HistoryEntry.decode(stored).count
            return bad > 0 ? "has \(bad) entries that are no timeline's end: they are passed over" : nil
        case "status":
            let isKnown = stored.object != nil || stored.json?.lsn != nil
            return isKnown ? nil : "is neither a JSON object nor a position: the leader's position is unknown"
        default: return nil
        }
    }

    /// A path may hold anything; a log line may not.
    private static func shown(_ path: String) -> String {
        String(String.UnicodeScalarView(path.unicodeScalars.prefix(80).map { $0.value < 0x20 || $0.value == 0x7F ? "?" : $0 }))
    }
}
