import FoundationEssentials
import Testing

/// The real core in a modelled world, by seeds. `./test --seed N` repeats one; `./test --seeds COUNT` runs more.
@Suite struct SimulationTests {
    static func number(_ variable: String) -> UInt64? {
        ProcessInfo.processInfo.environment[variable].flatMap { UInt64($0) }
    }

    static let defaultCount: UInt64 = {
        #if DEBUG
        200
        #else
        3000
        #endif
    }()

    @Test func `No seed breaks an invariant`() async {
        if let seed = Self.number("PGADOPT_SEED") { return Self.show(Simulation(seed: seed)) }
        let count = Self.number("PGADOPT_SEEDS") ?? Self.defaultCount
        let first = Self.number("PGADOPT_FIRST_SEED") ?? 1
        let failures = await Self.run(first..<first + count) { Simulation(seed: $0) }
        for (invariant, group) in Dictionary(grouping: failures, by: { $0.violation?.invariant ?? "" }).sorted(by: { $0.key < $1.key }) {
            print("\(invariant): seeds \(group.prefix(20).map { String($0.seed) }.joined(separator: " ")), \(group.count) in all")
        }
        for failure in failures.prefix(5) {
            Issue.record("seed \(failure.seed): \(failure.violation?.description ?? ""); ./test --seed \(failure.seed)")
        }
        if failures.count > 5 { Issue.record("and \(failures.count - 5) seeds more") }
    }

    @Test(arguments: Mutation.allCases) func `A planted bug is found`(mutation: Mutation) async {
        guard Self.number("PGADOPT_SEED") == nil, Self.number("PGADOPT_SEEDS") == nil else { return }
        var tried: UInt64 = 0
        while tried < 1000 {
            let seeds = tried + 1..<tried + 21
            if let found = await Self.run(seeds, { Simulation(seed: $0, mutation: mutation) }).first {
                #expect(Simulation(seed: found.seed).run().violation == nil, "the seed fails without the planted bug, too")
                return print("\(mutation.rawValue): found by seed \(found.seed): \(found.violation?.description ?? "")")
            }
            tried += 20
        }
        Issue.record("\(mutation.rawValue) is not found in \(tried) seeds")
    }

    /// Runs one seed with its trace.
    static func show(_ simulation: Simulation) {
        let report = simulation.run(isTracing: true)
        print(report.trace.joined(separator: "\n"))
        print("seed \(report.seed): \(report.events) events, \(report.promotions) promotions, \(report.fences) fences")
        if let violation = report.violation { Issue.record("seed \(report.seed): \(violation)") }
    }

    /// The seeds that fail, in order. Each worker has its own share.
    static func run(_ seeds: Range<UInt64>, _ make: @escaping @Sendable (UInt64) -> Simulation) async -> [Simulation.Report] {
        let workers: UInt64 = 2
        return await withTaskGroup(of: [Simulation.Report].self) { group in
            for worker in 0..<workers {
                group.addTask {
                    seeds.filter { $0 % workers == worker }.map { make($0).run() }.filter { $0.violation != nil }
                }
            }
            return await group.reduce(into: []) { $0 += $1 }.sorted { $0.seed < $1.seed }
        }
    }
}
