/// A program on the host that concerns PostgreSQL without managing its availability.
public struct SoftwareFacts: Codable, Equatable, Sendable {
    public enum Kind: String, Codable, Sendable { case pooler, backup, monitoring, updates }

    public var name: String
    public var kind: Kind
    public var isRunning: Bool

    public init(name: String, kind: Kind, isRunning: Bool) {
        self.name = name
        self.kind = kind
        self.isRunning = isRunning
    }
}

/// A line of a crontab, or a systemd timer, that names PostgreSQL or one of its programs.
public struct JobFacts: Codable, Equatable, Sendable {
    /// The file, or the timer's unit.
    public var source: String
    /// Passwords are hidden.
    public var text: String

    public init(source: String, text: String) {
        self.source = source
        self.text = text
    }
}

/// A backup tool's configuration: the names of its settings, never their values.
public struct BackupConfigurationFacts: Codable, Equatable, Sendable {
    public var tool: String
    public var path: String
    /// Such as `pg1-host`, `pg1-path`, `repo1-host`.
    public var settings: [String]

    public init(tool: String, path: String, settings: [String]) {
        self.tool = tool
        self.path = path
        self.settings = settings
    }
}
