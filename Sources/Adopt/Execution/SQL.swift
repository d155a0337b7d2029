import Planning
import Shell

/// SQL through the host's own psql, as the OS user that owns the server. Statements go through standard input, so
/// that nothing of them is in a command line.
extension StepContext {
    func sql(_ statements: String, on host: String, _ server: LocalServer, purpose: String) async throws -> String {
        let words = [
            "\(server.binDirectory)/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h",
            server.socketDirectory,
            "-p", String(server.port), "-d", "postgres", "-f", "-",
        ]
        let prefix = "SET statement_timeout = '20s'; SET lock_timeout = '5s'; SET lc_messages = 'C';\n"
        let output = try await run(
            on: host, purpose,
            "cd / && exec env PGAPPNAME=pgadopt PGCONNECT_TIMEOUT=10 PGOPTIONS= \(commandLine(words))",
            as: .user(server.osUser), standardInput: Array((prefix + statements + "\n").utf8))
        return output.split(separator: "\n", omittingEmptySubsequences: true).joined(separator: "\n")
    }

    /// Errors in its files that a reload of the server on this host would meet. A value that waits for a restart is shown
    /// there too and is none.
    func fileErrors(_ server: LocalServer) async throws -> String {
        try await sql(
            "SELECT sourcefile || ':' || sourceline || ': ' || error FROM pg_file_settings WHERE error IS NOT NULL "
                + "AND NOT (error LIKE '%could not be applied%' AND EXISTS (SELECT FROM pg_settings s "
                + "WHERE s.name = pg_file_settings.name AND s.context = 'postmaster'));",
            on: host, server, purpose: "checking the configuration files"
        ).replacing("\n", with: "; ")
    }

    /// Lets the server on this host read its files again.
    func reload(_ server: LocalServer) async throws {
        _ = try await sql("SELECT pg_reload_conf();", on: host, server, purpose: "reloading the configuration")
    }

    /// The process's start in clock ticks; nil when it is gone.
    func startTicks(of pid: Int, on host: String) async throws -> UInt64? {
        let output = try await run(
            on: host, "looking at process \(pid)",
            """
            s=; { read -r s < /proc/\(pid)/stat; } 2>/dev/null || :
            if [ -n "$s" ]; then set -- ${s##*) }; shift 19; echo "$1"; fi
            """)
        return UInt64(output.filter { !$0.isWhitespace })
    }

    /// - Throws: serverChanged when the process that must run on does not.
    func expectUnchanged(_ postmaster: PostmasterIdentity, on host: String) async throws {
        guard try await startTicks(of: postmaster.pid, on: host) == postmaster.startTicks else {
            throw ExecutionError(
                .serverChanged, host: host,
                "the server's process \(postmaster.pid) is gone or is another one now",
                remedy: "Look at the server's log first. Make a new plan when it runs as you want it.")
        }
    }
}

/// A string literal that no value can leave, whatever standard_conforming_strings is.
func sqlLiteral(_ value: String) -> String {
    var text = "E'"
    for character in value.unicodeScalars {
        switch character {
        case "'": text += "''"
        case "\\": text += "\\\\"
        default: text.unicodeScalars.append(character)
        }
    }
    return text + "'"
}

func sqlIdentifier(_ name: String) -> String {
    "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
}
