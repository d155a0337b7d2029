import Foundation
import Testing

extension LabSuite {
    /// What a person gets wrong before any host is asked: the built program says where, and what was probably meant.
    @Suite struct CommandLine {
        let hosts = Hosts()

        @Test(arguments: [
            (["statu", "inventory.yaml"], ["'statu'", "did you mean 'status'?", "pgadopt --help"]),
            (["frobnicate"], ["there is no command 'frobnicate'", "pgadopt --help"]),
            (["plan", "inventory.yaml", "--htlm", "page.html"], ["Did you mean '--html'? See: pgadopt plan --help"]),
            (["plan", "/nowhere/inventory.yaml"], ["/nowhere/inventory.yaml"]),
            (["switchover"], ["pgadopt switchover --help"]),
        ]) func `a wrong word is answered by the right one, with exit code 1`(words: [String], answers: [String])
            async throws
        {
            let (line, environment) = hosts.command(words)
            let ended = try await Program.run(line, environment: environment)
            #expect(ended.status == 1, "\(ended.output)")
            for answer in answers { #expect(ended.output.contains(answer), "\(ended.output)") }
        }
    }
}
