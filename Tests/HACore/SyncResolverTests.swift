@testable import HACore
import Testing

/// Every way from one state of synchronous replication to another: no step may lose an acknowledged commit, and the
/// goal is reached.
@Suite struct SyncResolverTests {
    typealias Names = SyncResolver.Names
    typealias Key = SyncResolver.Key

    /// What commits may rest on: each rule by which one may have been acknowledged since the last confirmation.
    struct World {
        var resolver: SyncResolver
        var rules: [Names]

        mutating func take(_ step: SyncResolver.Step) {
            switch step {
            case .done: break
            case .writeKey(let key): resolver.key = key
            case .setNames(let names):
                resolver.names = names
                resolver.isConfirmed = names.count == 0
                rules.append(names)
            case .wait: confirm()
            }
        }

        mutating func confirm() {
            resolver.isConfirmed = true
            rules = [resolver.names]
        }

        /// A set of members that may win under the key and lacks a commit.
        var lossy: Set<String>? {
            for winners in subsets(resolver.key.voters) where winners.count == resolver.key.quorum + 1 {
                if rules.contains(where: { $0.names.subtracting(winners).count >= $0.count }) { return winners }
            }
            return nil
        }
    }

    static func subsets(_ all: Set<String>) -> [Set<String>] {
        all.sorted().reduce([[]]) { sets, name in sets + sets.map { $0.union([name]) } }
    }

    static let members: Set<String> = ["a", "b", "c", "d"]
    static var goals: [(Names, Int)] {
        subsets(members).flatMap { set in
            (set.isEmpty ? 0...0 : 1...set.count).map { (Names(names: set, count: $0), set.count - $0) }
        }
    }

    /// `patience`: how many steps pass before the names in force are confirmed.
    static func walk(from start: (Names, Int), to goal: (Names, Int), patience: Int) -> String? {
        var world = World(
            resolver: SyncResolver(
                key: Key(voters: start.0.names, quorum: start.1), names: start.0, isConfirmed: true),
            rules: [start.0])
        var trace = "from \(start) to \(goal), patience \(patience):"
        for number in 1...12 {
            if number % patience == 0 { world.confirm() }
            let step = world.resolver.step(towards: goal.0, quorum: goal.1)
            trace += "\n  \(step)"
            if step == .done { return nil }
            world.take(step)
            if let winners = world.lossy { return "\(trace)\n  \(winners) would win and lack a commit" }
            if case .writeKey(.nobody) = step, goal.0.names.intersection(start.0.names).count > start.1 {
                return "\(trace)\n  nobody may lead for a moment, although \(start.1 + 1) stay"
            }
            if world.resolver.key.quorum >= max(1, world.resolver.key.voters.count) { return "\(trace)\n  nobody can win" }
        }
        return trace + "\n  and no end"
    }

    @Test(arguments: [1, 2, 100]) func `Every way is safe and ends`(patience: Int) {
        for start in Self.goals {
            for goal in Self.goals {
                if let problem = Self.walk(from: start, to: goal, patience: patience) {
                    Issue.record("\(problem)")
                    return
                }
            }
        }
    }

    @Test func `A goal that changes on the way is reached as safely`() {
        var r = Seeded(state: 4)
        let goals = Self.goals
        for _ in 0..<20_000 {
            let start = r.pick(goals)
            var world = World(
                resolver: SyncResolver(key: Key(voters: start.0.names, quorum: start.1), names: start.0, isConfirmed: true),
                rules: [start.0])
            for _ in 0..<8 {
                let goal = r.pick(goals)
                if r.chance(40) { world.confirm() }
                for _ in 0..<Int.random(in: 1...3, using: &r) {
                    let step = world.resolver.step(towards: goal.0, quorum: goal.1)
                    if step == .wait, r.chance(50) { break }
                    world.take(step)
                    #expect(world.lossy == nil, "\(world.resolver) after \(step)")
                }
            }
        }
    }

    @Test func `Names that somebody else has set are put right for the key that stands`() {
        let resolver = SyncResolver(
            key: Key(voters: ["a", "b"], quorum: 0), names: Names(names: ["a"], count: 1), isConfirmed: true)
        #expect(resolver.step(towards: Names(names: ["a"], count: 1), quorum: 0)
            == .setNames(Names(names: ["a", "b"], count: 2)))
    }
}

private func subsets(_ all: Set<String>) -> [Set<String>] { SyncResolverTests.subsets(all) }
