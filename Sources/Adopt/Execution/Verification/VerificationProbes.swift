/// What was tried, beyond what a survey reads.
public struct VerificationProbes: Equatable, Sendable {
    /// What one member logs in to another one for.
    public enum Purpose: String, CaseIterable, Equatable, Sendable {
        case replication, rewind

        var words: String {
            switch self {
            case .replication: "replication"
            case .rewind: "pg_rewind"
            }
        }
    }

    public struct Connection: Equatable, Sendable {
        public var from: String
        public var to: String
        public var purpose: Purpose
        /// Nil: it worked.
        public var problem: String?

        public init(from: String, to: String, purpose: Purpose, problem: String? = nil) {
            self.from = from
            self.to = to
            self.purpose = purpose
            self.problem = problem
        }
    }

    /// A record in the leader's WAL (pg_logical_emit_message), which makes no object and changes no row.
    public struct Canary: Equatable, Sendable {
        public var leader: String
        public var lsn: String
        /// By replica: from the commit until it was seen replayed; missing: not within the limit.
        public var milliseconds: [String: Int64]

        public init(leader: String, lsn: String, milliseconds: [String: Int64]) {
            self.leader = leader
            self.lsn = lsn
            self.milliseconds = milliseconds
        }
    }

    /// What systemd of one host would do at boot.
    public struct Units: Equatable, Sendable {
        public struct Legacy: Equatable, Sendable {
            public var name: String
            public var killMode: String
            public var hasStopCommand: Bool

            public init(name: String, killMode: String, hasStopCommand: Bool) {
                self.name = name
                self.killMode = killMode
                self.hasStopCommand = hasStopCommand
            }
        }

        /// As `systemctl is-enabled` and `is-active` say.
        public var agentEnabled: String
        public var agentActive: String
        public var hasMarker: Bool
        /// Units that our drop-in disarms.
        public var legacy: [Legacy]
        public var guardRuns: Bool

        public init(
            agentEnabled: String, agentActive: String, hasMarker: Bool, legacy: [Legacy] = [], guardRuns: Bool = true
        ) {
            self.agentEnabled = agentEnabled
            self.agentActive = agentActive
            self.hasMarker = hasMarker
            self.legacy = legacy
            self.guardRuns = guardRuns
        }
    }

    public static let canaryLimit: Duration = .seconds(15)

    public var connections: [Connection]
    /// Nil: no leader, or it took no write.
    public var canary: Canary?
    /// By host; missing: it could not be asked.
    public var units: [String: Units]

    public init(connections: [Connection] = [], canary: Canary? = nil, units: [String: Units] = [:]) {
        self.connections = connections
        self.canary = canary
        self.units = units
    }
}
