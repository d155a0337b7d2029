import Kernel
import PostgresClient
import Timekeeping

extension LocalServer {
    /// Makes or updates the logins of a new cluster: superuser, replication, rewind (with the four functions it needs
    /// instead of superuser rights, PostgreSQL 11 and later). Passwords reach neither the server's log nor
    /// pg_stat_statements.
    func createRoles(by deadline: BootInstant) async throws {
        let connection = try await PostgresConnection.connect(
            settings.localConnection(options: ServerSettings.neverWaiting), by: deadline, clock: clock)
        for quiet in [
            "set log_statement = 'none'", "set log_min_duration_statement = -1", "set log_min_error_statement = 'panic'",
            "set standard_conforming_strings = on",
        ] {
            _ = try await connection.query(quiet, by: deadline)
        }
        _ = try? await connection.query("set pg_stat_statements.track_utility = off", by: deadline)
        let superuser = settings.superuser.user
        if let password = settings.superuser.password {
            _ = try await connection.query(
                "alter role \(identifier(superuser)) with superuser login password \(literal(password))", by: deadline)
        }
        try await ensure(settings.replication, "replication", superuser, connection, by: deadline)
        try await ensure(settings.rewind, "", superuser, connection, by: deadline)
        guard settings.rewind.user != superuser, majorVersion >= 11 else { return }
        for function in [
            "pg_ls_dir(text, boolean, boolean)", "pg_stat_file(text, boolean)", "pg_read_binary_file(text)",
            "pg_read_binary_file(text, bigint, bigint, boolean)",
        ] {
            _ = try await connection.query(
                "grant execute on function pg_catalog.\(function) to \(identifier(settings.rewind.user))", by: deadline)
        }
    }

    private func ensure(
        _ login: ServerSettings.Login, _ attributes: String, _ superuser: String, _ connection: PostgresConnection,
        by deadline: BootInstant
    ) async throws {
        guard login.user != superuser else { return }
        let isThere = try await connection.query(
            "select 1 from pg_catalog.pg_roles where rolname = $1", [login.user], by: deadline).scalar != nil
        let password = login.password.map { " password \(literal($0))" } ?? ""
        _ = try await connection.query(
            "\(isThere ? "alter" : "create") role \(identifier(login.user)) with login \(attributes)\(password)",
            by: deadline)
    }
}

/// An SQL identifier (documentation, "Identifiers and Key Words").
func identifier(_ name: String) -> String {
    "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
}

/// An SQL string, where standard_conforming_strings is on.
func literal(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
}
