import Facts
import Shell

/// What to look for on one host.
public struct SurveyRequest: Equatable, Sendable {
    /// One address and TCP port that this host must be able to connect to.
    public struct Endpoint: Hashable, Sendable {
        public var host: String
        /// 1...65535
        public var port: Int

        public init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    /// The operating system's user that owns the data.
    public var osUser: String
    /// The data directory the plan will use; nil: that of the running server, if one runs.
    public var targetDirectory: String?
    /// Tablespace locations that the plan will use.
    public var tablespaces: [String]
    /// A bin directory to look in besides the usual places.
    public var binDirectory: String?
    public var mayUseSudo: Bool
    public var reach: [Endpoint]
    /// The limit of the whole call. The script stops two thirds of the way and says what it left out.
    public var deadline: Duration
    /// Addresses of the other hosts, to which the way is measured.
    public var peers: [String] = []
    /// Names of the inventory that this host must be able to resolve.
    public var names: [String] = []
    /// Files that the primary's settings name, to look for here.
    public var files: [String] = []
    /// Locales of the primary's databases.
    public var locales: [String] = []
    /// The cluster whose managed store this host is to run, or whose members talk to it; nil: etcd is not looked for.
    public var managedStore: String?
    /// Where the pg_wal of a copy goes; nil: into the data directory.
    public var walDirectory: String?
    /// pgBackRest's stanza for this cluster; nil: pgBackRest is not asked.
    public var stanza: String?
    /// Its configuration; nil: where it looks by itself.
    public var stanzaConfig: String?

    public init(
        osUser: String = "postgres", targetDirectory: String? = nil, tablespaces: [String] = [],
        binDirectory: String? = nil, mayUseSudo: Bool = true, reach: [Endpoint] = [],
        deadline: Duration = .seconds(150)
    ) {
        self.osUser = osUser
        self.targetDirectory = targetDirectory
        self.tablespaces = tablespaces
        self.binDirectory = binDirectory
        self.mayUseSudo = mayUseSudo
        self.reach = reach
        self.deadline = deadline
    }

    /// The words after `/bin/sh -s --`.
    var arguments: [String] {
        var words = ["--user", osUser, "--sudo", mayUseSudo ? "yes" : "no"]
        if let binDirectory { words += ["--bin", binDirectory] }
        if let targetDirectory { words += ["--target", targetDirectory] }
        for path in tablespaces { words += ["--tablespace", path] }
        for peer in peers { words += ["--peer", peer] }
        for name in names { words += ["--name", name] }
        for file in files { words += ["--file", file] }
        if let managedStore { words += ["--etcd", managedStore] }
        if let walDirectory { words += ["--waldir", walDirectory] }
        if let stanza { words += ["--stanza", stanza] }
        if let stanzaConfig { words += ["--stanza-config", stanzaConfig] }
        for locale in locales { words += ["--locale", locale] }
        words += ["--budget", "\(max(1, deadline.components.seconds * 2 / 3))"]
        for endpoint in reach { words += ["--reach", "\(endpoint.host) \(endpoint.port)"] }
        return words
    }
}

/// The read-only survey of one host: one command, nothing left behind.
public enum HostSurvey {
    /// Runs the script on a host and decodes its answer.
    ///
    /// - Throws: ``SurveyError`` when the answer is missing or not whole, and whatever the shell throws when the
    ///   host cannot be reached. A server that does not answer is not an error: it is in the facts' `problems`.
    public static func run(
        shell: any RemoteShell, request: SurveyRequest, clock: WallClock = .system
    ) async throws -> HostFacts {
        // Its seconds of processor time are what the server's clients leave over.
        let command = commandLine(["nice", "-n", "10", "/bin/sh", "-s", "--"] + request.arguments)
        let before = clock.secondsSince1970()
        let result = try await shell.run(
            command, as: .login, standardInput: Array(SurveyScript.text.utf8), deadline: request.deadline)
        let after = clock.secondsSince1970()
        guard result.succeeded else {
            throw SurveyError(
                .commandFailed, host: shell.hostName,
                "the survey ended with code \(result.status): \(result.errorOutput.trimmed)")
        }
        let records = try SurveyRecord.parse(result.standardOutput, host: shell.hostName)
        let banner = SurveyRecord.banner(of: result.standardOutput)
        var builder = HostFactsBuilder(host: shell.hostName, records: records)
        var facts = try builder.build()
        facts.bannerBytes = banner
        if let host = builder.hostClock {
            // The host's first reading was taken after the call began and its last before the call ended, so the
            // true offset lies between these two. The middle is the best guess, half the width the doubt.
            let atMost = host.begin - before
            let atLeast = host.end - after
            facts.system.clockOffsetSeconds = (atMost + atLeast) / 2
            facts.system.clockUncertaintySeconds = max(0, (atMost - atLeast) / 2)
        }
        return facts
    }
}
