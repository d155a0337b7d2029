/// What a host has of etcd; asked only where the inventory wants pgadopt to run one.
public struct EtcdFacts: Codable, Equatable, Sendable {
    /// The program's path; nil: it is not installed.
    public var program: String?
    /// `etcd --version`, such as `3.4.23`.
    public var version: String?
    /// What installs packages: `apt-get`, `dnf`, `yum`; nil: none that is known.
    public var packageManager: String?
    /// The package that would be installed, and the version the host's package lists name; nil: they name none.
    public var candidate: Candidate?
    /// Processes of etcd that are not ours, by unit or number.
    public var foreign: [String]
    /// Our own unit runs.
    public var isRunning: Bool
    /// Our own unit file and configuration are there.
    public var isSetUp: Bool
    /// The place of its data.
    public var directory: TargetFacts?
    /// Days until the member's certificate ends; nil: there is none, or it cannot be read.
    public var memberCertificateDays: Int?
    /// The same of the agent's own.
    public var agentCertificateDays: Int?

    public struct Candidate: Codable, Equatable, Sendable {
        public var package: String
        public var version: String

        public init(package: String, version: String) {
            self.package = package
            self.version = version
        }
    }

    public init(
        program: String? = nil, version: String? = nil, packageManager: String? = nil, candidate: Candidate? = nil,
        foreign: [String] = [], isRunning: Bool = false, isSetUp: Bool = false, directory: TargetFacts? = nil
    ) {
        self.program = program
        self.version = version
        self.packageManager = packageManager
        self.candidate = candidate
        self.foreign = foreign
        self.isRunning = isRunning
        self.isSetUp = isSetUp
        self.directory = directory
    }
}

extension EtcdFacts {
    /// Days before the end of a certificate at which people are told, and a plan renews it.
    public static let renewalDays = 90
    /// Leases and transactions as the agent uses them need this version.
    public static func isSupported(version: String) -> Bool {
        let parts = version.split(whereSeparator: { !$0.isNumber && $0 != "." }).first?.split(separator: ".")
            .compactMap { Int($0) } ?? []
        return parts.count >= 2 && (parts[0], parts[1]) >= (3, 4)
    }
}
