import Planning
import Shell

/// Our include file, and a reload. Values that would need a restart stay pending.
struct SettingsStep: Step {
    var change: SettingsChange

    func isDone(_ context: StepContext) async throws -> Bool {
        guard try await context.isWritten(change.file) else { return false }
        if let include = change.include, try await context.digest(of: include.path) != include.digestAfter {
            return false
        }
        return try await pending(context).isEmpty
    }

    func apply(_ context: StepContext) async throws {
        let existing = try await context.digest(of: change.file.path)
        let isOurs = await context.made("file").contains(change.file.path)
        if existing != nil, existing != sha256(change.file.content), !isOurs, try await !isFromEarlierPlan(context) {
            throw ExecutionError(
                .conflict, host: context.host, "\(change.file.path) exists and is not from this plan",
                remedy: "Make a new plan.")
        }
        try await context.willMake("file", change.file.path)
        try await context.write(change.file)
        if let include = change.include {
            try await context.apply(include, keep: "\(context.layout.state)/\(lastPart(include.path)).before")
        }
        let errors = try await context.fileErrors(change.server)
        guard errors.isEmpty else {
            try await takeBack(context)
            throw ExecutionError(
                .commandFailed, host: context.host,
                "PostgreSQL finds errors in its configuration files: \(errors)",
                remedy:
                    "Our file was taken back and nothing was reloaded. Put the named file in order and make a new plan."
            )
        }
        try await context.reload(change.server)
        _ = try await context.poll("the new settings of \(change.file.path)", within: .seconds(10)) {
            try await pending(context).isEmpty ? true : nil
        }
    }

    /// A file of an earlier plan that was not carried on begins with our line.
    private func isFromEarlierPlan(_ context: StepContext) async throws -> Bool {
        let head = try await context.run(
            "reading \(change.file.path)", "head -c 40 -- \(quoted(change.file.path))")
        return head.hasPrefix("# Written by pgadopt")
    }

    /// Settings that changed by the reload and are not in force from our file yet.
    private func pending(_ context: StepContext) async throws -> String {
        let names = change.settings.filter { $0.isReloadable && $0.old != $0.new }.map { sqlLiteral($0.name) }
        if names.isEmpty { return "" }
        return try await context.sql(
            "SELECT name FROM pg_settings WHERE name IN (\(names.joined(separator: ", "))) "
                + "AND sourcefile IS DISTINCT FROM "
                + "\(sqlLiteral(change.file.path));",
            on: context.host, change.server, purpose: "reading the settings")
    }

    private func takeBack(_ context: StepContext) async throws {
        if let include = change.include { try await context.undo(include) }
        try await context.remove(change.file.path)
    }

    func undo(_ context: StepContext) async throws {
        guard await context.made("file").contains(change.file.path) else { return }
        try await takeBack(context)
        try await context.reload(change.server)
    }
}

func lastPart(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
