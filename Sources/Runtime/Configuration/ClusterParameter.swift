import YAML

/// A setting of PostgreSQL that must be the same on all members (compatibility sheet d.4). The cluster's
/// configuration alone says it; what a member's own file says is not used.
public struct ClusterParameter: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case number(least: Int)
        case flag
        /// Cannot be anything but on.
        case on
        case walLevel
    }

    public var name: String
    /// Patroni's default, in force on a new cluster that says nothing.
    public var standard: String
    let kind: Kind

    public static let all: [ClusterParameter] = [
        .init(name: "wal_level", standard: "replica", kind: .walLevel),
        .init(name: "hot_standby", standard: "on", kind: .on),
        .init(name: "max_connections", standard: "100", kind: .number(least: 25)),
        .init(name: "max_wal_senders", standard: "10", kind: .number(least: 3)),
        .init(name: "max_prepared_transactions", standard: "0", kind: .number(least: 0)),
        .init(name: "max_locks_per_transaction", standard: "64", kind: .number(least: 32)),
        .init(name: "track_commit_timestamp", standard: "off", kind: .flag),
        .init(name: "max_replication_slots", standard: "10", kind: .number(least: 4)),
        .init(name: "max_worker_processes", standard: "8", kind: .number(least: 2)),
        .init(name: "wal_log_hints", standard: "on", kind: .flag),
    ]

    /// Settings that neither the cluster nor a member may choose: the agent derives them.
    public static let derived = ["listen_addresses", "port", "cluster_name"]

    /// Both names of how much WAL is kept; in the file, not on the command line.
    public static let keepSize = "wal_keep_size"
    public static let keepSegments = "wal_keep_segments"

    /// The value PostgreSQL gets; nil: out of range or no value of its kind.
    public func accepted(_ text: String) -> String? {
        switch kind {
        case .number(let least): Int(text).flatMap { $0 >= least && $0 <= Int(Int32.max) ? String($0) : nil }
        case .flag: parseFlag(text).map { $0 ? "on" : "off" }
        case .on: parseFlag(text) == true ? "on" : nil
        case .walLevel: ["replica": "replica", "hot_standby": "replica", "logical": "logical"][text.lowercased()]
        }
    }

    /// What is allowed, for messages.
    public var allowed: String {
        switch kind {
        case .number(let least): "a whole number from \(least)"
        case .flag: "on or off"
        case .on: "on"
        case .walLevel: "replica or logical"
        }
    }
}

/// The values of the cluster's parameters for one server.
public struct ClusterParameters: Hashable, Sendable {
    /// In the order of `ClusterParameter.all`, for the postmaster's command line.
    public var commandLine: [(name: String, value: String)] { names.map { ($0, values[$0] ?? "") } }
    /// For the settings file: how much WAL is kept, under the name this version knows.
    public var file: [String: String] = [:]
    /// What was not accepted, a sentence each.
    public var warnings: [String] = []

    private var names: [String] = []
    private var values: [String: String] = [:]

    public subscript(name: String) -> String? { values[name] ?? file[name] }

    /// - Parameters:
    ///   - settings: `postgresql.parameters` of the cluster's configuration.
    ///   - version: the server's version as PostgreSQL counts it, such as 150018.
    public init(settings: [String: String], version: Int) {
        for parameter in ClusterParameter.all {
            names.append(parameter.name)
            values[parameter.name] = parameter.standard
            guard let text = settings[parameter.name] else { continue }
            if let value = parameter.accepted(text) {
                values[parameter.name] = value
            } else {
                warnings.append(
                    "postgresql.parameters.\(parameter.name) is '\(text.excerpt)', expected \(parameter.allowed); "
                        + "\(parameter.standard) is used")
            }
        }
        for name in ClusterParameter.derived where settings[name] != nil {
            warnings.append("postgresql.parameters.\(name) has no effect: the agent sets it")
        }
        keepWAL(settings, version: version)
    }

    /// 13 renamed the setting and counts in bytes; a segment is taken for 16 MB.
    private mutating func keepWAL(_ settings: [String: String], version: Int) {
        let megabytes = settings[ClusterParameter.keepSize].flatMap { size in
            // A bare number is in megabytes, PostgreSQL's unit of this setting.
            Int(size) ?? parseByteCount(size).map { Int(clamping: $0 >> 20) }
        }
        let segments = settings[ClusterParameter.keepSegments].flatMap { Int($0) }
        if let size = settings[ClusterParameter.keepSize], (megabytes ?? 0) < 16 {
            warnings.append(
                "postgresql.parameters.wal_keep_size is '\(size.excerpt)', expected at least 16MB; 128MB is used")
        }
        if version >= 130000 {
            let value = megabytes.flatMap { $0 >= 16 ? $0 : nil } ?? segments.flatMap { $0 >= 1 ? $0 * 16 : nil }
            file[ClusterParameter.keepSize] = "\(value ?? 128)MB"
        } else {
            let value = segments.flatMap { $0 >= 1 ? $0 : nil } ?? megabytes.flatMap { $0 >= 16 ? $0 / 16 : nil }
            file[ClusterParameter.keepSegments] = String(value ?? 8)
        }
    }

    public static func == (a: Self, b: Self) -> Bool {
        a.values == b.values && a.file == b.file && a.warnings == b.warnings
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(values) }
}

private func parseFlag(_ text: String) -> Bool? {
    switch text.lowercased() {
    case "on", "true", "yes", "1": true
    case "off", "false", "no", "0": false
    default: nil
    }
}
