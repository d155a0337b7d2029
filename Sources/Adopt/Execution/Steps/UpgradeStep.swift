import JSON
import Planning
import Shell

/// A new agent process for an old one. systemd ends the agent alone (KillMode=process); the server and the guard stay,
/// and the new process takes both up again inside the lease.
struct UpgradeStep: Step {
    var change: UpgradeChange

    func isDone(_ context: StepContext) async throws -> Bool {
        for file in change.unitFiles where try await !context.isWritten(file) { return false }
        guard try await runsNewPrograms(context) else { return false }
        return try await hasRole(context)
    }

    func apply(_ context: StepContext) async throws {
        try await context.expectUnchanged(change.postmaster, on: context.host)
        for file in change.unitFiles where try await !context.isWritten(file) { try await context.write(file) }
        let before = try await processID(context)
        try await context.run(
            "restarting \(change.unit)",
            "systemctl daemon-reload && systemctl restart --no-block \(quoted(change.unit))", deadline: .seconds(60))
        _ = try await context.poll("the new agent of \(change.member)", within: .seconds(60)) { () -> Bool? in
            let now = try await processID(context)
            guard now != before, try await runsNewPrograms(context), try await hasRole(context) else { return nil }
            return true
        }
        try await context.expectUnchanged(change.postmaster, on: context.host)
        context.note("\(change.member): process \(change.postmaster.pid) runs on under the new agent")
    }

    private func processID(_ context: StepContext) async throws -> String {
        try await context.run(
            "asking for \(change.unit)", "systemctl show -p MainPID --value -- \(quoted(change.unit))")
    }

    /// The agent is active, and its program is the one that is installed: a replaced one is `(deleted)`.
    private func runsNewPrograms(_ context: StepContext) async throws -> Bool {
        try await context.tryRun(
            """
            u=\(quoted(change.unit))
            [ "$(cat \(quoted(Layout.bundle + "/bundle.sha256")) 2>/dev/null)" = \(quoted(change.digest)) ] || exit 1
            systemctl is-active --quiet -- "$u" || exit 1
            case "$(readlink "/proc/$(systemctl show -p MainPID --value -- "$u")/exe")" in
                ''|*' (deleted)'|*/pgadopt.old.*) exit 1 ;;
            esac
            """).succeeded
    }

    /// The store knows the member as running, and the leader still leads.
    private func hasRole(_ context: StepContext) async throws -> Bool {
        let keys = try await context.environment.store.read(prefix: change.storePrefix)
        let member = keys["\(change.storePrefix)members/\(change.member)"].flatMap { try? JSON(parsing: $0) }
        guard member?["state"]?.string == "running" else { return false }
        return change.role == .replica || keys["\(change.storePrefix)leader"] == change.member
    }

    /// The programs of before come back by an upgrade to their bundle.
    func undo(_ context: StepContext) async throws {}
}
