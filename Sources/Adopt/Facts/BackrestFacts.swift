import PostgresModel

/// What a host has of pgBackRest, as the OS user that owns the data sees it; asked only where the inventory says that
/// replicas are restored from it.
public struct BackrestFacts: Codable, Equatable, Sendable {
    /// The program's path; nil: it is not installed.
    public var program: String?
    /// Such as `2.44`.
    public var version: String?
    /// Why `pgbackrest info` told nothing of the stanza; nil: it did.
    public var problem: String?
    /// pgBackRest's own word on the stanza: 0 is good, 1 a stanza that is not in the repository, 2 one without a
    /// backup, 3 one without data, 4 to 6 differences between repositories, 99 anything else (`info --output=json`).
    public var status: Int?
    public var message: String?
    /// The clusters whose backups the stanza has held, the present one last.
    public var databases: [Database] = []
    /// Newest first.
    public var backups: [Backup] = []

    public struct Database: Codable, Equatable, Sendable {
        public var systemIdentifier: SystemIdentifier
        /// The major version, such as `15`.
        public var version: String

        public init(systemIdentifier: SystemIdentifier, version: String) {
            self.systemIdentifier = systemIdentifier
            self.version = version
        }
    }

    public struct Backup: Codable, Equatable, Sendable {
        /// Such as `20261122-020000F`.
        public var label: String
        public var systemIdentifier: SystemIdentifier?
        /// The repository's number.
        public var repository: Int
        /// Seconds from its end to the survey, by the host's clock.
        public var age: Double?
        /// False: pages with wrong checksums were found in it; nil: it does not say.
        public var isSound: Bool?
        /// What a restore writes.
        public var size: ByteCount
        /// What the repository keeps of it, and so what a restore reads.
        public var repositorySize: ByteCount?
        /// The first WAL file it needs.
        public var walStart: String?

        public init(
            label: String, systemIdentifier: SystemIdentifier? = nil, repository: Int = 1, age: Double? = nil,
            isSound: Bool? = nil, size: ByteCount, repositorySize: ByteCount? = nil, walStart: String? = nil
        ) {
            self.label = label
            self.systemIdentifier = systemIdentifier
            self.repository = repository
            self.age = age
            self.isSound = isSound
            self.size = size
            self.repositorySize = repositorySize
            self.walStart = walStart
        }
    }

    public init(program: String? = nil, version: String? = nil) {
        self.program = program
        self.version = version
    }

    /// The backup that a restore takes.
    /// - Parameter repository: nil: any.
    public func newestBackup(of identifier: SystemIdentifier?, repository: Int?) -> Backup? {
        backups.first { backup in
            (repository == nil || backup.repository == repository)
                && (identifier == nil || backup.systemIdentifier == nil || backup.systemIdentifier == identifier)
        }
    }
}
