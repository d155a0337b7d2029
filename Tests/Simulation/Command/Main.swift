import FoundationEssentials
import Glibc
import Simulator

/// `simulate`: the agent's core in a modelled world, by seeds. `./test --seed` and `./test --seeds` call it.
@main struct Main {
    static let usage = """
        simulate --seed N [--drop 1,2] [--mutation NAME]   one seed, with its trace
        simulate --shrink N [--mutation NAME]               one seed with as few faults as still fail, with its trace
        simulate --seeds COUNT [--first N] [--workers W]    many seeds; the first failures, and a rate on the way
        simulate --planted [LIMIT]                          each planted bug, and the first seed that finds it
        """

    static func main() async {
        var arguments = Array(CommandLine.arguments.dropFirst())
        var values: [String: String] = [:]
        while let name = arguments.first, name.hasPrefix("--") {
            arguments.removeFirst()
            let hasValue = arguments.first.map { !$0.hasPrefix("--") } ?? false
            values[String(name.dropFirst(2))] = hasValue ? arguments.removeFirst() : ""
        }
        let workers = values["workers"].flatMap(Int.init) ?? ProcessInfo.processInfo.activeProcessorCount
        var isGood = true
        if values["seed"] != nil || values["shrink"] != nil {
            isGood = one(values)
        } else if let count = values["seeds"].flatMap(UInt64.init) {
            isGood = await many(count, first: values["first"].flatMap(UInt64.init) ?? 1, workers: workers)
        } else if let limit = values["planted"] {
            isGood = await planted(UInt64(limit) ?? 2000, workers: workers)
        } else {
            print(usage)
            isGood = false
        }
        fflush(nil)
        exit(isGood ? 0 : 1)
    }

    private static var commit: String { ProcessInfo.processInfo.environment["PGADOPT_COMMIT"] ?? "unknown" }

    private static func one(_ values: [String: String]) -> Bool {
        guard let seed = (values["seed"] ?? values["shrink"]).flatMap(UInt64.init) else {
            print(usage)
            return false
        }
        var simulation = Simulation(seed: seed, mutation: values["mutation"].flatMap(Mutation.init))
        let dropped = (values["drop"] ?? "").split(separator: ",").compactMap { Int($0) }
        simulation.options.dropped.formUnion(dropped)
        if values["shrink"] != nil { simulation = simulation.shrunk() }
        let report = simulation.run(isTracing: true)
        print(report.trace.joined(separator: "\n"))
        print("seed \(seed), commit \(commit): \(report.events) events, \(report.commits) commits, "
            + "\(report.promotions) promotions, \(report.fences) fences")
        if !simulation.options.dropped.isEmpty {
            let list = simulation.options.dropped.sorted().map(String.init).joined(separator: ",")
            print("faults left out: ./test --seed \(seed) --drop \(list)")
        }
        guard let violation = report.violation else { return true }
        print("FAILED: \(violation)")
        return false
    }

    private static func many(_ count: UInt64, first: UInt64, workers: Int) async -> Bool {
        let clock = ContinuousClock()
        let start = clock.now
        var shown = start
        var isFirst = true
        let tally = await Campaign(workers: workers).run(first..<first + count, block: min(200, max(1, count / 20))) { tally in
            let now = clock.now
            if now - shown > .seconds(10) || isFirst {
                shown = now
                isFirst = false
                let rate = Double(tally.seeds) / seconds(now - start)
                let left = Double(count - UInt64(tally.seeds)) / rate
                print("\(tally.seeds) of \(count) seeds, \(Int(rate)) a second, "
                    + "\(Int(Double(tally.events) / seconds(now - start) / 1000))k steps a second, "
                    + "\(tally.failures.count) failed, \(Int(left)) s to go")
                fflush(nil)
            }
            return tally.failures.count < 200
        }
        let groups = Dictionary(grouping: tally.failures) { $0.violation?.invariant ?? "" }
        for (invariant, group) in groups.sorted(by: { $0.key < $1.key }) {
            print("\(invariant): \(group.count) seeds: \(group.prefix(20).map { String($0.seed) }.joined(separator: " "))")
        }
        for failure in tally.failures.prefix(10) {
            print("seed \(failure.seed): \(failure.violation?.description ?? "")")
        }
        let took = seconds(clock.now - start)
        print("\(tally.seeds) seeds in \(Int(took * 10)) tenths of a second, \(tally.events) steps, \(tally.commits) commits, "
            + "\(tally.promotions) promotions, \(tally.fences) fences, \(tally.rules.count) rules, commit \(commit); "
            + "slowest to settle: seed \(tally.slowest.seed) with \(Int(tally.slowest.seconds)) s")
        if !tally.failures.isEmpty { print("one of them with its trace: ./test --seed \(tally.failures[0].seed)") }
        return tally.failures.isEmpty
    }

    private static func planted(_ limit: UInt64, workers: Int) async -> Bool {
        var isGood = true
        for mutation in Mutation.allCases {
            let found = await Campaign(workers: workers).firstFinding(of: mutation, in: 1..<limit + 1)
            if let found {
                print("\(mutation.rawValue): found by seed \(found.seed): \(found.violation?.description ?? "")")
            } else {
                print("\(mutation.rawValue): NOT FOUND in \(limit) seeds")
                isGood = false
            }
            fflush(nil)
        }
        return isGood
    }

    private static func seconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
    }
}
