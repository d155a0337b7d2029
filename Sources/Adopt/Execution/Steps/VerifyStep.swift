import JSON
import Planning
import Shell

/// The promise kept: the same postmaster, the lease where it belongs, every member running.
struct VerifyStep: Step {
    var check: ClusterCheck

    func isDone(_ context: StepContext) async throws -> Bool { false }

    func apply(_ context: StepContext) async throws {
        let ticks = try await context.startTicks(of: check.postmaster.pid, on: context.host)
        guard ticks == check.postmaster.startTicks else {
            throw ExecutionError(
                .serverChanged, host: context.host,
                "the server's process was \(check.postmaster.pid), started at tick \(check.postmaster.startTicks); "
                    + (ticks == nil ? "it is gone now" : "that number belongs to another process now"))
        }
        for (member, process) in (check.standbys ?? [:]).sorted(by: { $0.key < $1.key }) {
            try await context.expectUnchanged(process, on: member)
            context.note("standby \(member): process \(process.pid), as before")
        }
        let started = try await context.sql(
            "SELECT pg_postmaster_start_time() AT TIME ZONE 'UTC' || '+00';", on: context.host, check.primary,
            purpose: "asking when the server was started")
        let before = check.startTime ?? "tick \(check.postmaster.startTicks) after boot"
        context.note("postmaster before: process \(check.postmaster.pid), started \(before)")
        context.note("postmaster now:    process \(check.postmaster.pid), started \(started)")
        _ = try await context.poll("every member in its place", within: .seconds(30)) {
            try await missing(context).isEmpty ? true : nil
        }
        context.note("leader \(check.leader); members running: \(check.members.joined(separator: ", "))")
    }

    private func missing(_ context: StepContext) async throws -> [String] {
        let keys = try await context.environment.store.read(prefix: check.storePrefix)
        var missing = keys["\(check.storePrefix)leader"] == check.leader ? [] : ["leader"]
        for member in check.members {
            let value = keys["\(check.storePrefix)members/\(member)"].flatMap { try? JSON(parsing: $0) }
            if value?["state"]?.string != "running" { missing.append(member) }
        }
        return missing
    }

    func undo(_ context: StepContext) async throws {}
}
