import Foundation

/// A PostgreSQL of its own in a temporary directory, on a port and socket of its own, stopped and removed at the end.
struct TestServer {
    static let bin = "/usr/lib/postgresql/15/bin"
    static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: bin + "/postgres") }

    let directory: String
    let port: Int
    var data: String { directory + "/data" }

    struct Failed: Error { var message: String }

    /// Runs as the user postgres when the tests run as root, because PostgreSQL refuses root.
    static func asPostgres(_ words: [String]) -> [String] {
        getuid() == 0 ? ["runuser", "-u", "postgres", "--"] + words : words
    }

    @discardableResult
    static func command(_ words: [String], input: String = "") throws -> String {
        let result = try LocalShell.launch(["env", "-C", "/"] + words, input: Array(input.utf8))
        guard result.status == 0 else { throw Failed(message: "\(words): \(result.output)\(result.errorOutput)") }
        return result.output
    }

    /// Starts a server with these settings, runs the body, and cleans up whatever happens.
    static func with(settings: [String: String] = [:], _ body: (TestServer) async throws -> Void) async throws {
        let directory = try command(asPostgres(["mktemp", "-d", "/tmp/pgadopt-test.XXXXXX"])).trimmingCharacters(
            in: .whitespacesAndNewlines)
        let server = TestServer(directory: directory, port: Int.random(in: 20_000..<32_000))
        do {
            try command(
                asPostgres([bin + "/initdb", "-D", server.data, "-U", "postgres", "-A", "trust", "-N", "-k"]))
            var lines =
                "port = \(server.port)\nunix_socket_directories = '\(directory)'\nlisten_addresses = '127.0.0.1'\n"
            lines += settings.map { "\($0.key) = '\($0.value)'\n" }.sorted().joined()
            try command(asPostgres(["tee", "-a", server.data + "/postgresql.conf"]), input: lines)
            try command(
                asPostgres([bin + "/pg_ctl", "-D", server.data, "-l", directory + "/log", "-w", "-t", "30", "start"]))
            try await body(server)
        } catch {
            server.remove()
            throw error
        }
        server.remove()
    }

    private func remove() {
        _ = try? Self.command(Self.asPostgres([Self.bin + "/pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"]))
        _ = try? Self.command(["rm", "-rf", directory])
    }

    @discardableResult
    func sql(_ text: String, database: String = "postgres") throws -> String {
        try Self.command(
            Self.asPostgres([
                Self.bin + "/psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", directory, "-p", "\(port)",
                "-d", database,
            ]), input: text)
    }
}
