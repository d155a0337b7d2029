import Simulator
import Testing

/// The real core in a modelled world. These tests run a few seeds as they are built here, without optimisation;
/// `./test` runs thousands with the `simulate` program, `./test --seed N` repeats one, `./test --seeds COUNT` runs
/// more of them.
@Suite struct SimulationTests {
    @Test func `No seed breaks an invariant`() async {
        let tally = await Campaign(workers: 2).run(1..<101, block: 10)
        for failure in tally.failures.prefix(5) {
            Issue.record("seed \(failure.seed): \(failure.violation?.description ?? ""); ./test --seed \(failure.seed)")
        }
        #expect(tally.failures.count == 0)
    }

    @Test(arguments: Mutation.allCases) func `A planted bug is found, by a seed that passes without it`(mutation: Mutation) async {
        let found = await Campaign(workers: 2).firstFinding(of: mutation, in: 1..<301)
        #expect(found != nil, "not found in 300 seeds")
    }

    @Test func `A seed is the same each time`() {
        let one = Simulation(seed: 7).run(isTracing: true)
        let other = Simulation(seed: 7).run(isTracing: true)
        #expect(one.trace == other.trace)
        #expect(one.events == other.events)
    }

    @Test func `A failing seed shrinks to fewer faults and fails in the same way`() async throws {
        let found = try #require(await Campaign(workers: 2).firstFinding(of: .ignoreDeadline, in: 1..<301))
        let whole = Simulation(seed: found.seed, mutation: .ignoreDeadline)
        let small = whole.shrunk()
        #expect(small.options.dropped.count > 0)
        #expect(small.run().violation?.invariant == found.violation?.invariant)
    }
}
