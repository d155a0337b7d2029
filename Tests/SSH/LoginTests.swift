import Shell
import Testing

@testable import SSH

@Suite("Logging in")
struct LoginTests {
    @Test("a key file of every kind logs in", arguments: ["ed25519", "ecdsa", "rsa", "rsa_pem", "ecdsa_pem"])
    func keyFile(_ key: String) async throws {
        let server = try SSHServer()
        let result = try await server.host(key: key).run("echo hello; id -un")
        #expect(result == CommandResult(status: 0, standardOutput: Array("hello\nroot\n".utf8)))
    }
}
