import Cluster
import HACore
import PostgresModel

/// One run from a seed, and what came of it.
struct Simulation {
    struct Report: Sendable {
        var seed: UInt64
        var violation: Violation?
        var trace: [String] = []
        var events = 0
        var rules: Set<Int> = []
        var promotions = 0
        var fences = 0
        var stops = 0
        var commits = 0
        var excused = 0
    }

    var seed: UInt64
    var options: Options
    var mutation: Mutation?

    init(seed: UInt64, mutation: Mutation? = nil) {
        self.seed = seed
        self.mutation = mutation
        options = Options.random(seed)
    }

    /// The first so many seconds nothing happens to the cluster.
    static let beginning = Span.s(8)
    /// So long a cluster in which everything works may take to be well again: primary_start_timeout, failed
    /// operations that are tried again after up to a minute, requests that wait for their ttl.
    static let patience = Span.s(240)

    func run(isTracing: Bool = false) -> Report {
        let world = World(seed: seed, options: options, mutation: mutation, isTracing: isTracing)
        world.found()
        world.run(until: Self.beginning)
        if world.complaint != nil, world.checker.violation == nil {
            world.violate("start", world.complaint ?? "")
        }
        world.scheduleFaults()
        world.run(until: Self.beginning + options.faultTime)
        world.calmDown()
        settle(world)
        let checker = world.checker
        return Report(
            seed: seed, violation: checker.violation, trace: world.trace, events: world.events, rules: checker.rules,
            promotions: checker.promotions, fences: checker.fences, stops: checker.stops, commits: checker.commits,
            excused: checker.excused)
    }

    /// I10: with everything working the cluster is well again in time, and stays so.
    private func settle(_ world: World) {
        let limit = world.now + Self.patience
        var wellSince: Span?
        while world.checker.violation == nil {
            world.run(until: world.now + .ms(500))
            guard let complaint = world.complaint else {
                wellSince = wellSince ?? world.now
                if world.now - (wellSince ?? world.now) >= .s(5) { return }
                continue
            }
            wellSince = nil
            if world.now > limit { return world.violate("I10", "not well after \(Self.patience.seconds) s: \(complaint)") }
        }
    }
}

extension World {
    /// A cluster in good order: the first host leads, the others stream from it.
    func found() {
        etcd.beginExpiring()
        for host in hosts {
            host.postgres.start(asStandby: host.index > 0, upstream: 0, takes: .ms(1)) { _ in }
            after(.ms(Double(100 + 300 * host.index))) { host.startAgent() }
        }
        clientsWrite()
        stream()
    }
}
