/// Many seeds on several threads. Which thread runs a seed makes no difference to it.
package struct Campaign: Sendable {
    /// What came of all seeds together.
    package struct Tally: Sendable {
        package var seeds = 0
        package var events = 0
        package var promotions = 0
        package var fences = 0
        package var commits = 0
        package var excused = 0
        package var rules: Set<Int> = []
        package var failures: [Simulation.Report] = []
        /// The longest time a cluster took to be well again after its faults, and whose.
        package var slowest: (seconds: Double, seed: UInt64) = (0, 0)

        package init() {}

        mutating func add(_ report: Simulation.Report) {
            seeds += 1
            events += report.events
            promotions += report.promotions
            fences += report.fences
            commits += report.commits
            excused += report.excused
            rules.formUnion(report.rules)
            if report.violation != nil { failures.append(report) }
            if report.settledIn.seconds > slowest.seconds { slowest = (report.settledIn.seconds, report.seed) }
        }
    }

    package var workers: Int
    package var mutation: Mutation?

    package init(workers: Int, mutation: Mutation? = nil) {
        self.workers = max(1, workers)
        self.mutation = mutation
    }

    /// Runs the seeds in blocks; `progress` hears of each block's end, and ends the run by returning false.
    package func run(_ seeds: Range<UInt64>, block: UInt64 = 200, progress: (Tally) -> Bool = { _ in true }) async -> Tally {
        var tally = Tally()
        await withTaskGroup(of: [Simulation.Report].self) { group in
            var next = seeds.lowerBound
            let mutation = mutation
            func addBlock() {
                guard next < seeds.upperBound else { return }
                let part = next..<min(next + block, seeds.upperBound)
                next = part.upperBound
                group.addTask { part.map { Simulation(seed: $0, mutation: mutation).run() } }
            }
            for _ in 0..<workers { addBlock() }
            for await reports in group {
                for report in reports { tally.add(report) }
                if progress(tally) { addBlock() } else { next = seeds.upperBound }
            }
        }
        tally.failures.sort { $0.seed < $1.seed }
        return tally
    }

    /// The first seed that finds the planted bug and passes without it; nil: none of them does.
    package func firstFinding(of mutation: Mutation, in seeds: Range<UInt64>) async -> Simulation.Report? {
        var next = seeds.lowerBound
        while next < seeds.upperBound {
            let part = next..<min(next + UInt64(workers) * 10, seeds.upperBound)
            next = part.upperBound
            let tally = await Campaign(workers: workers, mutation: mutation).run(part, block: 10)
            for failure in tally.failures where Simulation(seed: failure.seed).run().violation == nil { return failure }
        }
        return nil
    }
}

extension Simulation {
    /// The same seed with as few of its faults as still break the same invariant: each is left out in turn.
    package func shrunk() -> Simulation {
        guard let invariant = run().violation?.invariant else { return self }
        var smallest = self
        var didShrink = true
        while didShrink {
            didShrink = false
            // The last ones first: what comes after the violation goes at once.
            for number in smallest.faultNumbers.reversed() {
                var smaller = smallest
                smaller.options.dropped.insert(number)
                guard smaller.run().violation?.invariant == invariant else { continue }
                smallest = smaller
                didShrink = true
            }
        }
        return smallest
    }

    private var faultNumbers: [Int] { (0..<options.plannedFaults(seed).count).filter { !options.dropped.contains($0) } }
}
