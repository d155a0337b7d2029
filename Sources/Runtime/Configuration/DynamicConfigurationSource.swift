import JSON

/// The copy of the cluster's configuration in the data directory: it starts a member while the store is silent, and
/// the leader restores a lost `config` key from it (compatibility sheet d.1).
public enum CachedConfiguration {
    /// In the data directory.
    public static let fileName = "patroni.dynamic.json"

    /// The file's content. JSON without line breaks, as Patroni writes it; both programs read each other's.
    public static func text(_ configuration: JSONObject) -> String { JSON.object(configuration).text }

    /// Nil: no JSON object, as after a crash while it was written by something that does not rename.
    public static func read(_ bytes: [UInt8]) -> JSONObject? { (try? JSON(parsing: bytes))?.object }
}

/// Where the cluster's configuration in force was found.
public enum DynamicConfigurationSource: String, Hashable, Sendable {
    /// The `config` key.
    case store
    /// `patroni.dynamic.json` in the data directory.
    case cache
    /// `bootstrap.dcs` of this member's file.
    case bootstrap
}

extension AgentConfiguration {
    /// The cluster's configuration as this member should see it: the store's when there is a valid one, else the
    /// cached copy, else what the file would begin a cluster with.
    public func dynamicConfiguration(
        stored: JSON?, cached: [UInt8]?
    ) -> (raw: JSONObject, source: DynamicConfigurationSource) {
        if let object = stored?.object { return (object, .store) }
        if let object = cached.flatMap({ CachedConfiguration.read($0) }) { return (object, .cache) }
        return (bootstrap.dcs, .bootstrap)
    }
}

extension DynamicConfiguration {
    /// The configuration after a PATCH: null takes a key away, objects merge, everything else replaces. Keys nobody
    /// knows are kept. Nil: nothing would change, so that nothing has to be written.
    public static func patched(_ current: JSONObject, with patch: JSONObject) -> JSONObject? {
        let result = JSON.object(current).merging(.object(patch)).object ?? JSONObject()
        return result == current ? nil : result
    }
}
