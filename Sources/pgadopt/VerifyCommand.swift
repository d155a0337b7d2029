import ArgumentParser
import Cluster
import Execution
import Facts
import Inventory
import SSH
import Shell

/// `pgadopt verify`
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Prove that the cluster works, and would after a failover and a reboot.",
        discussion: """
            Logs in from every member to every other one, sends a record from the leader to every replica and waits for
            it there, and looks at slots, units, limits and what pg_rewind needs. Makes no object and changes no row.
            With --switchover it also hands the lead to the best replica and back, and measures how long no write was
            possible each time: clients of the leader are disconnected twice.
            Exit codes: 0 all proved, 2 warnings, 1 a failure.
            Example: pgadopt verify inventory.yaml
            """)

    @OptionGroup var inventory: InventoryArgument
    @Flag(help: "Also do a real switchover, and one back.")
    var switchover = false
    @Flag(help: "Do not ask before the switchover.")
    var yes = false
    @Flag(help: "JSON.")
    var json = false

    func run() async throws {
        let control = ControlHost(spec: try inventory.load())
        let client = try control.storeClient()
        let shells = try await control.shells()
        let result: Result<VerificationReport, any Error>
        do {
            let facts = await control.survey(shells, client)
            result = .success(try await report(control, shells, facts))
        } catch {
            result = .failure(error)
        }
        await client.close()
        for shell in shells.values { await shell.disconnect() }
        let report = try result.get()
        if json { print(try encoded(report)) } else { Terminal.put(report.text) }
        if report.exitCode != 0 { throw ExitCode(report.exitCode) }
    }

    private func report(
        _ control: ControlHost, _ shells: [String: SSHHost], _ facts: ClusterFacts
    ) async throws -> VerificationReport {
        let spec = control.spec
        let clock = ContinuousClock()
        let began = clock.now
        let now: @Sendable () -> Duration = { began.duration(to: clock.now) }
        let sleep: @Sendable (Duration) async throws -> Void = { try await clock.sleep(for: $0) }
        let verifier = Verifier(spec: spec, facts: facts, shells: shells, now: now, sleep: sleep)
        let verification = Verification(spec: spec, facts: facts, probes: try await verifier.probes())
        var report = VerificationReport(cluster: spec.name, verdicts: verification.verdicts)
        guard switchover else { return report }
        guard report.exitCode != 1, let leader = verification.leader, let candidate = verification.candidate else {
            report.verdicts.append(Verdict(
                "switchover", .fail, "not tried: the cluster is not well",
                remedy: "Put the failures above right first."))
            return report
        }
        guard yes || Terminal.confirm("Switch the leader of \(spec.name) from \(leader) to \(candidate) and back?")
        else {
            throw ValidationError("not confirmed; nothing was done (use --yes where nobody can answer)")
        }
        let rehearsal = SwitchoverRehearsal(verifier: verifier)
        var done: [VerificationReport.Switchover] = []
        for (from, to) in [(leader, candidate), (candidate, leader)] {
            let gap = try await rehearsal.gap(from: from, to: to) { try await handLead(of: spec, from: from, to: to) }
            done.append(.init(from: from, to: to, gapMilliseconds: gap.map { Int64($0 / .milliseconds(1)) }))
        }
        report.switchovers = done
        return report
    }
}
