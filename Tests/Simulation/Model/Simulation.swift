import Cluster
import JSON
import HACore
import PostgresModel

/// One run from a seed, and what came of it.
package struct Simulation: Sendable {
    package struct Report: Sendable {
        package var seed: UInt64
        package var violation: Violation?
        package var trace: [String] = []
        package var events = 0
        package var rules: Set<Int> = []
        package var promotions = 0
        package var fences = 0
        package var stops = 0
        package var commits = 0
        package var excused = 0
        /// From the end of the faults until the cluster was well.
        var settledIn = Span.zero
    }

    package var seed: UInt64
    package var options: Options
    package var mutation: Mutation?

    package init(seed: UInt64, mutation: Mutation? = nil) {
        self.seed = seed
        self.mutation = mutation
        options = Options.random(seed)
    }

    /// The first so many seconds nothing happens to the cluster.
    static let beginning = Span.s(8)
    /// So long a cluster in which everything works may take to be well again: primary_start_timeout, failed
    /// operations that are tried again after up to a minute, requests that wait for their ttl.
    static let patience = Span.s(240)

    package func run(isTracing: Bool = false) -> Report {
        let world = World(seed: seed, options: options, mutation: mutation, isTracing: isTracing)
        world.found()
        world.run(until: Self.beginning)
        if world.complaint != nil, world.checker.violation == nil {
            world.violate("start", world.complaint ?? "")
        }
        world.scheduleFaults()
        world.run(until: Self.beginning + options.faultTime)
        if let drill = options.drill, world.checker.violation == nil { world.judge(drill) }
        world.calmDown()
        let settledIn = settle(world)
        let checker = world.checker
        return Report(
            seed: seed, violation: checker.violation, trace: world.trace, events: world.events, rules: checker.rules,
            promotions: checker.promotions, fences: checker.fences, stops: checker.stops, commits: checker.commits,
            excused: checker.excused, settledIn: settledIn)
    }

    /// I10: with everything working the cluster is well again in time, and stays so.
    private func settle(_ world: World) -> Span {
        let start = world.now
        let limit = start + Self.patience
        var wellSince: Span?
        while world.checker.violation == nil {
            world.run(until: world.now + .ms(500))
            guard let complaint = world.complaint else {
                wellSince = wellSince ?? world.now
                if let wellSince, world.now - wellSince >= .s(5) { return wellSince - start }
                continue
            }
            wellSince = nil
            if world.now > limit { world.violate("I10", "not well after \(Self.patience.seconds) s: \(complaint)") }
        }
        return world.now - start
    }
}

extension World {
    /// A cluster in good order: the first host leads, the others stream from it.
    func found() {
        etcd.write { $0.config = ConfigKey(modRevision: $1, value: [:]) }
        etcd.beginExpiring()
        etcd.beginCopying()
        for host in hosts {
            host.postgres.start(asStandby: host.index > 0, upstream: 0, takes: .ms(1)) { _ in }
            after(.ms(Double(100 + 300 * host.index))) { host.startAgent() }
        }
        clientsWrite()
        stream()
    }
}
