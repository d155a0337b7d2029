import Planning
import Shell

/// One operator at a time. The lock is a directory on the primary with one file that says who holds it; it comes
/// into being whole, by a rename.
struct LockStep: Step {
    var change: LockChange

    func isDone(_ context: StepContext) async throws -> Bool {
        try await holder(context)?.isSameRun(as: LockHolder(context)) ?? false
    }

    func apply(_ context: StepContext) async throws {
        let own = LockHolder(context)
        for _ in 0..<3 {
            if try await take(own, context) { return }
            guard let holder = try await holder(context) else { continue }
            if holder.isSameRun(as: own) { return }
            guard holder.mayBeReplaced(by: own, isRunning: context.environment.isRunning) else {
                throw locked(by: holder, context)
            }
            context.note("taking over the lock of an apply that ended early (\(holder.person), since \(holder.since))")
            try await remove(holder, context)
        }
        throw ExecutionError(.locked, host: context.host, "the lock \(change.directory) changes hands again and again")
    }

    /// - Throws: locked, when somebody else holds it now. Reads only.
    func refuseOthers(_ context: StepContext) async throws {
        guard let holder = try await holder(context) else { return }
        let own = LockHolder(context)
        let mayGoOn = holder.mayBeReplaced(by: own, isRunning: context.environment.isRunning)
        guard mayGoOn || holder.isSameRun(as: own) else { throw locked(by: holder, context) }
    }

    func undo(_ context: StepContext) async throws {
        if let holder = try await holder(context), holder.isSameRun(as: LockHolder(context)) {
            try await remove(holder, context)
        }
    }

    private func locked(by holder: LockHolder, _ context: StepContext) -> ExecutionError {
        ExecutionError(
            .locked, host: context.host,
            "\(holder.person) is applying a plan to this cluster since \(holder.since) (process \(holder.processID))",
            remedy:
                "Wait until that has ended. If it is known to be gone, remove \(change.directory) on \(context.host) "
                + "and run the same command again.")
    }

    /// False: somebody has it.
    private func take(_ own: LockHolder, _ context: StepContext) async throws -> Bool {
        let output = try await context.run(
            "taking the lock",
            """
            set -eu; umask 022
            l=\(quoted(change.directory)); mkdir -p "$(dirname "$l")"
            t=$(mktemp -d "$l.XXXXXX"); chmod 755 "$t"; cat > "$t/holder"
            if mv -T "$t" "$l" 2>/dev/null; then echo taken; else rm -rf -- "$t"; echo held; fi
            """,
            standardInput: Array(own.text.utf8))
        return output.hasPrefix("taken")
    }

    private func holder(_ context: StepContext) async throws -> LockHolder? {
        let text = try await context.run(
            "reading the lock", "cat -- \(quoted(change.directory + "/holder")) 2>/dev/null || :")
        return text.isEmpty ? nil : LockHolder(text: text)
    }

    /// Removes the lock only while this holder has it.
    func remove(_ holder: LockHolder, _ context: StepContext) async throws {
        try await context.run(
            "removing the lock",
            """
            set -eu
            l=\(quoted(change.directory))
            if cmp -s - "$l/holder"; then t="$l.gone.$$"; mv -T "$l" "$t"; rm -rf -- "$t"; fi
            """,
            standardInput: Array(holder.text.utf8))
    }
}

struct UnlockStep: Step {
    var change: LockChange

    func isDone(_ context: StepContext) async throws -> Bool { false }

    func apply(_ context: StepContext) async throws { try await LockStep(change: change).undo(context) }

    func undo(_ context: StepContext) async throws {}
}

/// Who holds the lock.
struct LockHolder: Equatable, Sendable {
    var person: String
    var processID: Int32
    var plan: String
    var since: String

    init(_ context: StepContext) {
        person = context.environment.operatorName
        processID = context.environment.processID
        plan = context.plan.digest
        since = context.environment.timestamp()
    }

    init?(text: String) {
        var fields: [Substring: String] = [:]
        for line in text.split(separator: "\n") {
            guard let blank = line.firstIndex(of: " ") else { continue }
            fields[line[..<blank]] = String(line[line.index(after: blank)...])
        }
        person = fields["who"] ?? "somebody"
        processID = fields["process"].flatMap { Int32($0) } ?? 0
        plan = fields["plan"] ?? ""
        since = fields["since"] ?? "an unknown time"
    }

    var text: String { "who \(person)\nprocess \(processID)\nplan \(plan)\nsince \(since)\n" }

    func isSameRun(as other: LockHolder) -> Bool {
        person == other.person && processID == other.processID
    }

    /// A run of the same person on the same machine whose process is gone left its lock behind.
    func mayBeReplaced(by other: LockHolder, isRunning: (Int32) -> Bool) -> Bool {
        person == other.person && processID != other.processID && !isRunning(processID)
    }
}
