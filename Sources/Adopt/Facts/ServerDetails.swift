import PostgresModel

/// More of one running server: its directory, its process, the files it refers to.
public struct ServerDetails: Codable, Equatable, Sendable {
    /// Names in the data directory.
    public var topFiles: [String] = []
    /// Symbolic links in the data directory and in pg_tblspc, by their path below it.
    public var links: [String: String] = [:]
    /// `.ready` files in pg_wal/archive_status.
    public var walFilesToArchive: Int?
    /// /proc/PID/oom_score_adj
    public var oomScoreAdjust: Int?
    /// The soft limit of open files, from /proc/PID/limits.
    public var openFiles: Int?
    /// Octal mode of the data directory.
    public var directoryMode: String?
    public var directoryOwner: String?
    /// Configuration files that carry a configuration manager's mark, path to `ansible`, `puppet`, `chef` or `salt`.
    public var managedFiles: [String: String] = [:]
    /// Files that settings name, with what is there.
    public var namedFiles: [NamedFileFacts] = []
    public var certificate: CertificateFacts?
    /// The log the server writes now, if it is a file.
    public var logFile: String?
    /// Crashes the last two megabytes of it tell of (PANIC, or a server process that a signal ended).
    public var crashes: Int?
    /// WAL written between two readings during the survey.
    public var walSample: WALSample?

    public init() {}
}

public struct WALSample: Codable, Equatable, Sendable {
    public var bytes: ByteCount
    public var seconds: Double

    public init(bytes: ByteCount, seconds: Double) {
        self.bytes = bytes
        self.seconds = seconds
    }
}

/// A file that a setting names, such as ssl_cert_file.
public struct NamedFileFacts: Codable, Equatable, Sendable {
    public var path: String
    public var exists: Bool
    public var owner: String?
    /// Octal.
    public var mode: String?

    public init(path: String, exists: Bool, owner: String? = nil, mode: String? = nil) {
        self.path = path
        self.exists = exists
        self.owner = owner
        self.mode = mode
    }
}

/// The certificate a server shows.
public struct CertificateFacts: Codable, Equatable, Sendable {
    public var path: String
    /// Seconds from the survey to its end; negative: expired.
    public var remainingSeconds: Double
    /// DNS names and addresses it is for.
    public var names: [String]

    public init(path: String, remainingSeconds: Double, names: [String]) {
        self.path = path
        self.remainingSeconds = remainingSeconds
        self.names = names
    }
}
