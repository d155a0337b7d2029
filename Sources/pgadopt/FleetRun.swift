import ArgumentParser
import Facts
import Inventory
import Planning
import Preflight
import Report
import Synchronization

/// One look at many clusters: so many hosts at a time, progress on standard error, one table at the end. Of a
/// cluster only its row is kept, so that memory does not grow with the fleet.
struct FleetRun {
    struct Result: Sendable {
        var row: FleetRow
        /// The exit code of this cluster alone.
        var code: Int32
        var json: String?

        init(row: FleetRow, findings: [Finding], json: String?) {
            self.row = row
            code = exitCode(of: findings)
            self.json = json
        }

        init(row: FleetRow, code: Int32, json: String? = nil) {
            self.row = row
            self.code = code
            self.json = json
        }
    }

    let clusters: [ClusterSpec]
    /// Hosts looked at at the same time; a cluster with more hosts than that is looked at alone.
    let jobs: Int

    func results(_ body: @escaping @Sendable (ClusterSpec, ClusterFacts) throws -> Result) async -> [Result] {
        let progress = FleetProgress(total: clusters.reduce(0) { $0 + $1.hosts.count })
        var results: [Result] = []
        await withTaskGroup(of: (Int, Result).self) { group in
            var inFlight = 0
            for spec in clusters {
                while inFlight > 0, inFlight + spec.hosts.count > jobs {
                    guard let (hosts, result) = await group.next() else { break }
                    inFlight -= hosts
                    results.append(result)
                    progress.finished(hosts)
                }
                inFlight += spec.hosts.count
                group.addTask { (spec.hosts.count, await Self.look(at: spec, body)) }
            }
            for await (hosts, result) in group {
                results.append(result)
                progress.finished(hosts)
            }
        }
        progress.end()
        return results.sorted { $0.row.cluster < $1.row.cluster }
    }

    private static func look(
        at spec: ClusterSpec, _ body: @Sendable (ClusterSpec, ClusterFacts) throws -> Result
    ) async -> Result {
        do {
            return try body(spec, try await ControlHost(spec: spec).survey())
        } catch {
            let reason = "\(error)".split(separator: "\n").joined(separator: " ")
            return Result(row: FleetRow(cluster: spec.name, hosts: spec.hosts.count, state: .failed(reason)), code: 1)
        }
    }

    /// The row of a cluster, with the estimate of its plan where one can be made.
    static func row(
        _ spec: ClusterSpec, _ facts: ClusterFacts, _ findings: [Finding], plan: Plan? = nil
    ) -> FleetRow {
        // Any bundle does: the estimate is about the databases.
        let bundle = BundleSource(path: "-", digest: "-", size: .init(24 << 20))
        let planner = Planner(bundle: bundle, toolVersion: toolVersion, createdAt: facts.takenAt)
        let plan = plan ?? (try? planner.plan(spec, facts, findings))
        let isBlocked = findings.contains { $0.verdict == .fail && !$0.isWaived }
        let state: FleetRow.State = isBlocked ? .blocked : plan?.steps.isEmpty == true ? .adopted : .ready
        return FleetRow(
            cluster: spec.name, hosts: spec.hosts.count, state: state, findings: findings, size: plan?.primary.size,
            estimate: plan.map { PlanSchedule($0.steps).total })
    }

    /// Prints the table, or one JSON list, and ends with the worst code.
    func finish(_ results: [Result], json: Bool) throws {
        if json {
            print("[\n" + results.compactMap(\.json).joined(separator: ",\n") + "\n]")
        } else {
            Terminal.put(FleetText(style: Terminal.style).text(results.map(\.row)))
        }
        let codes = results.map(\.code)
        if codes.contains(1) { throw ExitCode(1) }
        if codes.contains(2) { throw ExitCode(2) }
    }
}

/// The line of progress: overwritten on a terminal, said at every tenth part elsewhere.
private final class FleetProgress: Sendable {
    private struct State {
        var done = 0
        var tenth = 0
    }

    private let total: Int
    private let state = Mutex(State())
    private let began = ContinuousClock().now

    init(total: Int) { self.total = total }

    func finished(_ hosts: Int) {
        let text = state.withLock { state -> String? in
            state.done += hosts
            let tenth = state.done * 10 / max(1, total)
            let isNew = tenth != state.tenth
            state.tenth = tenth
            guard Terminal.isInteractive || isNew else { return nil }
            return fleetProgress(done: state.done, of: total, after: began.duration(to: ContinuousClock().now))
        }
        guard let text else { return }
        Terminal.note(Terminal.isInteractive ? "\r\u{1B}[K\(text)" : "\(text)\n")
    }

    func end() { if Terminal.isInteractive { Terminal.note("\r\u{1B}[K") } }
}
