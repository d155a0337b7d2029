import Configuration
import Testing

@Suite struct CommandTests {
    static let good: [([String], AgentCommand)] = [
        ([], .run(configuration: nil)),
        (["/etc/patroni.yml"], .run(configuration: "/etc/patroni.yml")),
        (["--validate-config", "-i", "-p", "x.yml"], .validate(configuration: "x.yml", ignoresListenPorts: true, prints: true)),
        (["--validate-config"], .validate(configuration: nil, ignoresListenPorts: false, prints: false)),
        (["--generate-config", "--dsn", "host=a", "o.yml"], .generate(dsn: "host=a", output: "o.yml")),
        (["--generate-config", "--dsn=host=a port=5"], .generate(dsn: "host=a port=5", output: nil)),
        (["--generate-sample-config"], .generateSample(output: nil)),
        (["--version"], .version), (["-h"], .help), (["--help", "x"], .help),
    ]

    @Test(arguments: good)
    func theWordsArePatronis(_ arguments: [String], _ command: AgentCommand) throws {
        #expect(try AgentCommand(arguments) == command)
    }

    @Test(arguments: [
        (["--validate-confg"], "unknown option '--validate-confg'; did you mean '--validate-config'?"),
        (["a", "b"], "more than one configuration: 'b'"),
        (["--generate-config", "--dsn"], "'--dsn' needs a connection string"),
        (["--dsn", "x"], "'--dsn' is for --generate-config"),
        (["-i", "x"], "'-i' and '-p' are for --validate-config"),
        (["--validate-config", "--generate-config"], "--validate-config and --generate-config at once"),
        (["--print=yes"], "unknown option '--print=yes'; did you mean '--print'?"),
    ])
    func whatMakesNoSenseIsRefused(_ arguments: [String], _ message: String) {
        let error = #expect(throws: AgentCommand.UsageError.self) { try AgentCommand(arguments) }
        #expect(error?.description == message)
    }
}
