import YAML

/// What the agent's command line asks for. The words are Patroni's, so that scripts and units go on working.
public enum AgentCommand: Hashable, Sendable {
    /// Nil: the environment alone says everything.
    case run(configuration: String?)
    case validate(configuration: String?, ignoresListenPorts: Bool, prints: Bool)
    /// From the server that `dsn`, or libpq's own environment, leads to. Nil `output`: standard output.
    case generate(dsn: String?, output: String?)
    case generateSample(output: String?)
    case version
    case help

    public static let usage = """
        usage: pgadopt-agent [FILE.yml | DIRECTORY]     run the agent of one member
               pgadopt-agent --validate-config [-i] [-p] [FILE.yml | DIRECTORY]
               pgadopt-agent --generate-config [--dsn DSN] [FILE.yml]
               pgadopt-agent --generate-sample-config [FILE.yml]
               pgadopt-agent --version | --help

        The configuration has the format of Patroni's; of a directory all *.yml and *.yaml files are merged in the
        order of their names. PATRONI_* environment variables lie over it, and are enough without it.

          --validate-config         check everything that can be checked, change nothing, start nothing
          -i, --ignore-listen-port  a port to listen at may be in use
          -p, --print               print the configuration in force, without its secrets
          --generate-config         write a configuration for a server that runs; secrets are left to be filled in
          --dsn DSN                 how to reach that server; default: PGHOST, PGPORT, PGUSER, ...
          --generate-sample-config  write a configuration to begin with

        Exit codes: 0 all is well; 1 the configuration is unusable, or the work failed; 2 wrong usage.
        """

    /// A command line that says nothing sensible.
    public struct UsageError: Error, Hashable, Sendable, CustomStringConvertible {
        public var description: String
    }

    /// - Parameter arguments: without the program's name.
    public init(_ arguments: [String]) throws(UsageError) {
        var words = Words()
        try words.read(arguments)
        if words.flags.contains("--help") {
            self = .help
        } else if words.flags.contains("--version") {
            self = .version
        } else {
            self = try words.command()
        }
    }
}

/// The command line taken apart.
private struct Words {
    var flags: Set<String> = []
    var dsn: String?
    var path: String?

    private static let long = [
        "--help", "--version", "--validate-config", "--generate-config", "--generate-sample-config",
        "--ignore-listen-port", "--print", "--dsn",
    ]
    private static let short = ["-h": "--help", "-i": "--ignore-listen-port", "-p": "--print"]
    private static let modes = ["--validate-config", "--generate-config", "--generate-sample-config"]

    mutating func read(_ arguments: [String]) throws(AgentCommand.UsageError) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("-"), argument.count > 1 else {
                guard path == nil else { throw .init(description: "more than one configuration: '\(argument.excerpt)'") }
                path = argument
                continue
            }
            let sides = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { String($0) }
            let flag = Self.short[sides[0]] ?? sides[0]
            guard Self.long.contains(flag), sides.count == 1 || flag == "--dsn" else {
                let near = nearest(to: flag, among: Self.long).map { "; did you mean '\($0)'?" } ?? ""
                throw .init(description: "unknown option '\(argument.excerpt)'\(near)")
            }
            if flag == "--dsn" {
                guard let value = sides.count == 2 ? sides[1] : rest.popFirst() else {
                    throw .init(description: "'--dsn' needs a connection string")
                }
                dsn = value
            } else {
                flags.insert(flag)
            }
        }
    }

    func command() throws(AgentCommand.UsageError) -> AgentCommand {
        let mode = Self.modes.filter { flags.contains($0) }
        guard mode.count <= 1 else { throw .init(description: "\(mode.joined(separator: " and ")) at once") }
        if dsn != nil, mode != ["--generate-config"] { throw .init(description: "'--dsn' is for --generate-config") }
        let ignoresPorts = flags.contains("--ignore-listen-port")
        let prints = flags.contains("--print")
        if ignoresPorts || prints, mode != ["--validate-config"] {
            throw .init(description: "'-i' and '-p' are for --validate-config")
        }
        switch mode.first {
        case "--validate-config":
            return .validate(configuration: path, ignoresListenPorts: ignoresPorts, prints: prints)
        case "--generate-config": return .generate(dsn: dsn, output: path)
        case "--generate-sample-config": return .generateSample(output: path)
        default: return .run(configuration: path)
        }
    }
}
