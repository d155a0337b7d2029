import Cluster
import JSON
import PostgresModel
import YAML

extension DynamicConfiguration {
    /// Reads the value of the store's `config` key. Never fails: whatever has the wrong type or range is replaced
    /// and named in the warnings, because a cluster must not stop for a mistyped setting. Nil: no such key.
    public static func read(_ json: JSON?) -> (configuration: DynamicConfiguration, warnings: [String]) {
        var reader = SettingsReader(json?.object ?? JSONObject())
        if let json, json.object == nil {
            reader.warnings.append("the cluster's configuration is not an object; defaults are used")
        }
        let configuration = reader.configuration()
        return (configuration, reader.warnings)
    }

    /// Patroni's rule loop_wait + 2 * retry_timeout <= ttl: a leader must be able to try twice before its lease
    /// ends. First loop_wait is lowered, then retry_timeout. Returns the sentence to log when something changed.
    mutating func adjustTimes() -> String? {
        guard loopWait + retryTimeout * 2 > ttl else { return nil }
        let before = "loop_wait \(loopWait.text), retry_timeout \(retryTimeout.text)"
        let room = ttl - retryTimeout * 2
        if room >= Self.leastLoopWait {
            loopWait = room
        } else {
            loopWait = Self.leastLoopWait
            // Whole seconds where there are any, as Patroni's; a short ttl leaves halves.
            let half = (ttl - loopWait) / 2
            retryTimeout = half >= .seconds(1) ? .seconds(half.components.seconds) : half
        }
        return "loop_wait + 2 * retry_timeout must not exceed ttl \(ttl.text); instead of \(before): "
            + "loop_wait \(loopWait.text), retry_timeout \(retryTimeout.text)"
    }

    static let leastLoopWait = Duration.seconds(1)
    static let leastTTL = Duration.seconds(3)
    static let leastRetryTimeout = Duration.seconds(1)
}

/// One pass over the object: each read takes its key away, what is left is unknown and kept.
private struct SettingsReader {
    var rest: JSONObject
    var warnings: [String] = []

    init(_ object: JSONObject) { rest = object }

    mutating func configuration() -> DynamicConfiguration {
        for (key, reason) in AgentSchema.dynamicKeysNotApplied.sorted(by: { $0.key < $1.key }) {
            guard let value = rest[key], value != .null, value != 0 else { continue }
            warnings.append("\(key) has no effect: \(reason)")
        }
        var result = DynamicConfiguration(rto: word("rto"))
        result.ttl = duration("ttl", result.ttl, least: DynamicConfiguration.leastTTL)
        result.loopWait = duration("loop_wait", result.loopWait, least: DynamicConfiguration.leastLoopWait)
        result.retryTimeout = duration(
            "retry_timeout", result.retryTimeout, least: DynamicConfiguration.leastRetryTimeout)
        if let warning = result.adjustTimes() { warnings.append(warning) }
        if let lag = bytes("maximum_lag_on_failover") { result.maximumLagOnFailover = ByteCount(lag) }
        result.maximumLagOnSyncnode = bytes("maximum_lag_on_syncnode", off: -1).map { ByteCount($0) }
        result.maxTimelinesHistory = integer("max_timelines_history", 0, least: 0)
        result.primaryStartTimeout = duration(
            "primary_start_timeout", old: "master_start_timeout", result.primaryStartTimeout)
        result.primaryStopTimeout = duration("primary_stop_timeout", old: "master_stop_timeout", .zero)
        result.primaryRaceBackoff = duration("primary_race_backoff", .zero)
        result.synchronousMode = synchronousMode()
        result.synchronousModeStrict = bool("synchronous_mode_strict") ?? false
        result.synchronousNodeCount = integer("synchronous_node_count", 1, least: 1)
        result.failsafeMode = bool("failsafe_mode") ?? result.failsafeMode
        result.checkTimeline = bool("check_timeline") ?? true
        result.pause = bool("pause") ?? false
        result.slots = slots()
        result.ignoreSlots = ignoreSlots()
        result.memberSlotsTTL = duration("member_slots_ttl", result.memberSlotsTTL)
        result.standbyCluster = standbyCluster()
        result.postgresql = postgresql()
        result.other = rest
        return result
    }

    private mutating func postgresql() -> DynamicConfiguration.Postgres {
        var result = DynamicConfiguration.Postgres()
        guard let section = object("postgresql") else { return result }
        var inner = SettingsReader(section)
        result.useSlots = inner.bool("use_slots") ?? true
        for key in AgentSchema.memberOnlyKeys where inner.take(key) != nil {
            inner.warnings.append("\(key) has no effect here: each member's own file says it")
        }
        let (options, problems) = PostgresOptions.read(shared: inner.rest)
        result.options = options
        inner.warnings += problems
        for key in ["use_pg_rewind", "parameters"] { inner.rest[key] = nil }
        result.other = inner.rest
        warnings += inner.warnings.map { "postgresql.\($0)" }
        return result
    }

    private mutating func standbyCluster() -> StandbyCluster? {
        guard let section = object("standby_cluster") else { return nil }
        return StandbyCluster(section) { warnings.append("standby_cluster.\($0)") }
    }

    /// A missing key and null are the same.
    mutating func take(_ key: String) -> JSON? {
        guard let value = rest[key] else { return nil }
        rest[key] = nil
        // Not `isNull ? nil : value`: JSON has a nil literal of its own, and that one would be chosen.
        if value.isNull { return Optional.none }
        return value
    }

    private mutating func warn(_ key: String, _ value: JSON, expected: String) {
        let shown = value.settingText.map { "'\($0.excerpt)'" } ?? "a list or an object"
        warnings.append("\(key) is \(shown), expected \(expected); the default is used")
    }

    private mutating func word<Word: RawRepresentable<String> & CaseIterable>(_ key: String) -> Word? {
        guard let value = take(key) else { return nil }
        if let word = value.string.flatMap({ Word(rawValue: $0) }) { return word }
        warn(key, value, expected: "one of " + Word.allCases.map(\.rawValue).joined(separator: ", "))
        return nil
    }

    private mutating func duration(
        _ key: String, old: String? = nil, _ fallback: Duration, least: Duration = .zero
    ) -> Duration {
        let former = old.flatMap { take($0) }
        guard let value = take(key) ?? former else { return fallback }
        guard let text = value.settingText, value.bool == nil, let duration = parseDuration(text) else {
            warn(key, value, expected: "a time such as 30 or '30s'")
            return fallback
        }
        guard duration >= least else {
            warnings.append("\(key) is '\(text.excerpt)', less than \(least.text); \(least.text) is used")
            return least
        }
        return duration
    }

    private mutating func bytes(_ key: String, off: Int64? = nil) -> Int64? {
        guard let value = take(key) else { return nil }
        if let off, value.int == off || value.string == String(off) { return nil }
        if let text = value.settingText, value.bool == nil, let bytes = parseByteCount(text) { return bytes }
        warn(key, value, expected: "a number of bytes")
        return nil
    }

    private mutating func integer(_ key: String, _ fallback: Int, least: Int) -> Int {
        guard let value = take(key) else { return fallback }
        let number = value.int ?? value.string.flatMap { Int64($0) }
        if let number, number >= least, let result = Int(exactly: number) {
            return result
        }
        warn(key, value, expected: "a whole number from \(least)")
        return fallback
    }

    private mutating func bool(_ key: String) -> Bool? {
        guard let value = take(key) else { return nil }
        if let flag = value.flag { return flag }
        warn(key, value, expected: "true or false")
        return nil
    }

    private mutating func object(_ key: String) -> JSONObject? {
        guard let value = take(key) else { return nil }
        if let object = value.object { return object }
        warn(key, value, expected: "an object")
        return nil
    }

    private mutating func synchronousMode() -> SynchronousMode {
        guard let value = take("synchronous_mode") else { return .off }
        if value.string?.lowercased() == "quorum" { return .quorum }
        if let flag = value.flag { return flag ? .on : .off }
        warn("synchronous_mode", value, expected: "true, false or quorum")
        return .off
    }

    /// With the two names it had before.
    private mutating func slots() -> [PermanentSlot] {
        let former = ["permanent_replication_slots", "permanent_slots"].compactMap { object($0) }.last
        var slots: [PermanentSlot] = []
        for (name, value) in object("slots") ?? former ?? JSONObject() {
            let (slot, problem) = PermanentSlot.read(name, value)
            if let slot { slots.append(slot) }
            if let problem { warnings.append("slots.\(name.excerpt) \(problem); it is ignored") }
        }
        return slots
    }

    private mutating func ignoreSlots() -> [DynamicConfiguration.SlotPattern] {
        guard let value = take("ignore_slots") else { return [] }
        guard let items = value.array else {
            warn("ignore_slots", value, expected: "a list")
            return []
        }
        return items.compactMap { item in
            let pattern = DynamicConfiguration.SlotPattern(
                name: item["name"]?.string, type: item["type"]?.string, database: item["database"]?.string,
                plugin: item["plugin"]?.string)
            // A pattern without a criterion would match every slot.
            if pattern != .init() { return pattern }
            warnings.append("an entry of ignore_slots names no slot; it is ignored")
            return nil
        }
    }
}

extension JSON {
    /// `on`, `true`, `yes` and `1` in whatever type they come.
    var flag: Bool? {
        switch self {
        case .bool(let value): return value
        case .int(1): return true
        case .int(0): return false
        case .string(let text):
            switch text.lowercased() {
            case "on", "true", "yes", "1": return true
            case "off", "false", "no", "0": return false
            default: return nil
            }
        default: return nil
        }
    }

    /// The text PostgreSQL would read; nil for lists and objects.
    var settingText: String? {
        switch self {
        case .string(let value): value
        case .int(let value): String(value)
        case .double(let value): "\(value)"
        case .bool(let value): value ? "on" : "off"
        case .null, .array, .object: nil
        }
    }
}

extension Duration {
    /// `12 s`, `1.5 s`
    fileprivate var text: String {
        let (seconds, attoseconds) = components
        if attoseconds == 0 { return "\(seconds) s" }
        return "\(Double(seconds) + Double(attoseconds) / 1e18) s"
    }
}
