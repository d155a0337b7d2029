import Planning
import Shell

/// Our two roles. The statement holds a SCRAM verifier, so that a server that logs statements logs no password.
struct RolesStep: Step {
    var change: RolesChange

    func isDone(_ context: StepContext) async throws -> Bool {
        for role in change.roles {
            guard let password = try? await password(of: role, context) else { return false }
            let stored = try await context.sql(
                "SELECT rolpassword FROM pg_authid WHERE rolname = \(sqlLiteral(role.name)) "
                    + "AND rolcanlogin\(needed(role));",
                on: context.host, change.server, purpose: "reading the role \(role.name)")
            guard ScramVerifier.matches(stored, password: password) else { return false }
        }
        return true
    }

    private func needed(_ role: RolesChange.Role) -> String {
        let privileges = role.functions.map {
            " AND has_function_privilege(rolname, \(sqlLiteral(signature($0))), 'EXECUTE')"
        }
        return (role.options.contains("REPLICATION") ? " AND rolreplication" : "") + privileges.joined()
    }

    private func signature(_ function: String) -> String { function.filter { $0 != " " } }

    func apply(_ context: StepContext) async throws {
        for role in change.roles {
            let existing = try await context.sql(
                "SELECT 1 FROM pg_authid WHERE rolname = \(sqlLiteral(role.name));", on: context.host, change.server,
                purpose: "looking for the role \(role.name)")
            let isOurs = await context.made("role").contains(role.name)
            if !existing.isEmpty, !isOurs, !role.exists {
                throw ExecutionError(
                    .conflict, host: context.host, "a role \(role.name) was made by somebody after the plan",
                    remedy:
                        "Drop it if nobody needs it, or make a new plan, which keeps it and gives it a new password.")
            }
            if existing.isEmpty { try await context.willMake("role", role.name) }
            try await make(role, existing.isEmpty, context)
        }
    }

    private func make(_ role: RolesChange.Role, _ isNew: Bool, _ context: StepContext) async throws {
        let password = try await password(of: role, context)
        let verifier = ScramVerifier(password: password, salt: context.environment.randomBytes(16))
        let name = sqlIdentifier(role.name)
        var statements = "BEGIN;\n"
        statements +=
            "\(isNew ? "CREATE" : "ALTER") ROLE \(name) \(role.options) PASSWORD \(sqlLiteral(verifier.text));\n"
        for function in role.functions { statements += "GRANT EXECUTE ON FUNCTION \(function) TO \(name);\n" }
        statements += "COMMIT;"
        // synchronous_standby_names may name standbys that are away: our commit must not wait for them.
        _ = try await context.sql(
            "SET synchronous_commit = local;\n" + statements, on: context.host, change.server,
            purpose: "making the role \(role.name)")
    }

    private func password(of role: RolesChange.Role, _ context: StepContext) async throws -> String {
        firstLine(try await context.read("\(change.secretsDirectory)/\(role.name).password"))
    }

    func undo(_ context: StepContext) async throws {
        for name in await context.made("role") {
            let identifier = sqlIdentifier(name)
            let revokes = change.roles.first { $0.name == name }?.functions.map {
                "REVOKE EXECUTE ON FUNCTION \($0) FROM \(identifier);"
            }
            let exists = try await context.sql(
                "SELECT 1 FROM pg_authid WHERE rolname = \(sqlLiteral(name));", on: context.host, change.server,
                purpose: "looking for the role \(name)")
            if exists.isEmpty { continue }
            _ = try await context.sql(
                "BEGIN;\n\((revokes ?? []).joined(separator: "\n"))\nDROP ROLE \(identifier);\nCOMMIT;",
                on: context.host, change.server, purpose: "dropping the role \(name)")
        }
    }
}
