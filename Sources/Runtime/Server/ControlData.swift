import HACore
import PostgresModel

/// pg_controldata's output, read with LC_ALL=C.
public struct ControlData: Equatable, Sendable {
    public var systemIdentifier: SystemIdentifier
    /// `in production`, `shut down`, `shut down in recovery`, `in archive recovery`, ...
    public var clusterState: String
    public var checkpoint: LSN
    public var timeline: Timeline
    /// How far recovery must get, and on which timeline; nil on a primary.
    public var minimumRecoveryEnd: LSN?
    public var minimumRecoveryTimeline: Timeline?
    public var hasChecksums: Bool
    public var walLogHints: Bool
    /// `max_connections`, `max_worker_processes`, ... as the control file has them.
    public var settings: [String: Int]

    /// Nil when a line that is always there is missing.
    public init?(parsing text: String) {
        var fields: [String: String] = [:]
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            fields[String(line[..<colon])] = String(value)
        }
        guard let identifier = fields["Database system identifier"].flatMap({ SystemIdentifier($0) }),
            let state = fields["Database cluster state"],
            let checkpoint = fields["Latest checkpoint location"].flatMap({ LSN($0) }),
            let timeline = fields["Latest checkpoint's TimeLineID"].flatMap({ UInt32($0) })
        else { return nil }
        systemIdentifier = identifier
        clusterState = state
        self.checkpoint = checkpoint
        self.timeline = Timeline(timeline)
        minimumRecoveryEnd = fields["Minimum recovery ending location"].flatMap { LSN($0) }.flatMap {
            $0 == .zero ? nil : $0
        }
        minimumRecoveryTimeline = fields["Min recovery ending loc's timeline"].flatMap { UInt32($0) }.flatMap {
            $0 == 0 ? nil : Timeline($0)
        }
        hasChecksums = fields["Data page checksum version"].map { $0 != "0" } ?? false
        walLogHints = fields["wal_log_hints setting"] == "on"
        settings = [:]
        for (name, value) in fields where name.hasSuffix(" setting") {
            settings[String(name.dropLast(" setting".count))] = Int(value)
        }
    }

    /// The state after an orderly shutdown.
    public var isShutDown: Bool { clusterState == "shut down" || clusterState == "shut down in recovery" }
}
