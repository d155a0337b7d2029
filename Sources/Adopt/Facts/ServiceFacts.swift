/// What else runs on the host, or may start something.
public struct ServiceFacts: Codable, Equatable, Sendable {
    /// A unit file that names PostgreSQL.
    public struct Unit: Codable, Equatable, Sendable {
        public var name: String
        /// `enabled`, `disabled`, `static`, `masked` and so on.
        public var state: String

        public init(name: String, state: String) {
            self.name = name
            self.state = state
        }
    }

    public var software: [SoftwareFacts] = []
    public var jobs: [JobFacts] = []
    public var backupConfigurations: [BackupConfigurationFacts] = []
    /// Init scripts and supervisors' files that name PostgreSQL.
    public var initScripts: [String] = []
    public var postgresUnits: [Unit] = []

    public init() {}
}
