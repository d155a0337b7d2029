import Cluster
import HACore
import PostgresModel
import Timekeeping

/// One simulated cluster. One seed decides everything that happens in it.
final class World {
    let seed: UInt64
    let options: Options
    let mutation: Mutation?
    var random: SplitMix
    /// The chance of the fault that is being injected.
    var chance = SplitMix(seed: 0)
    private(set) var now = Span.zero
    private var queue = EventQueue()
    let etcd: ModelEtcd
    var network: Network
    private(set) var hosts: [Host] = []
    var checker: Checker
    let isTracing: Bool
    private(set) var trace: [String] = []
    private(set) var events = 0
    /// Faults are over: everything works, and the cluster has to find its way back.
    var isCalm = false
    private var identities: Int32 = 100

    /// A run has some ten thousand; one that has so many goes round in circles.
    static let mostEvents = 2_000_000

    static let identifier = SystemIdentifier(rawValue: 7_700_000_000_000_000_001)

    init(seed: UInt64, options: Options, mutation: Mutation? = nil, isTracing: Bool = false) {
        self.seed = seed
        self.options = options
        self.mutation = mutation
        self.isTracing = isTracing
        random = SplitMix(seed: seed)
        network = Network(hosts: options.members)
        etcd = ModelEtcd()
        checker = Checker()
        etcd.world = self
        for index in 0..<options.members { hosts.append(Host(index, in: self)) }
        note("options: \(options)")
    }

    // MARK: Time

    func at(_ moment: Span, _ body: @escaping () -> Void) { queue.add(at: max(moment, now), body) }
    func after(_ delay: Span, _ body: @escaping () -> Void) { queue.add(at: now + delay, body) }

    /// Goes on until `limit`, a violation, or `isOver`.
    func run(until limit: Span, isOver: () -> Bool = { false }) {
        while checker.violation == nil, let next = queue.next, next <= limit {
            guard let entry = queue.pop() else { return }
            now = entry.at
            events += 1
            if events > Self.mostEvents { return violate("loop", "more than \(Self.mostEvents) events") }
            entry.body()
            if isOver() { return }
        }
        if checker.violation == nil { now = max(now, limit) }
    }

    /// When it all began: noon, so that a clock that is an hour off shows the same day.
    static let foundedAt = WallInstant(seconds: 1_800_014_400)

    func civilTime(at moment: Span) -> String {
        let seconds = Int(moment.rawValue / 1_000_000_000)
        let parts = [12 + seconds / 3600, seconds / 60 % 60, seconds % 60].map { String(String(100 + $0).dropFirst()) }
        let micros = String(String(1_000_000 + Int(moment.rawValue / 1000 % 1_000_000)).dropFirst())
        return "2027-01-15T\(parts.joined(separator: ":")).\(micros)+00:00"
    }

    // MARK: Record

    func note(_ text: @autoclosure () -> String) {
        if isTracing { trace.append("\(fixed(now.seconds)) \(text())") }
    }

    func violate(_ invariant: String, _ text: String) {
        guard checker.violation == nil else { return }
        checker.violation = Violation(invariant: invariant, text: text, at: now)
        note("VIOLATION \(invariant): \(text)")
    }

    func nextIdentity() -> Int32 {
        identities += 1
        return identities
    }

    private func fixed(_ seconds: Double) -> String {
        let micros = Int64(seconds * 1e6)
        let fraction = String(1_000_000 + micros % 1_000_000).dropFirst()
        return "\(micros / 1_000_000).\(fraction)"
    }

    func host(_ name: String) -> Host? { hosts.first { $0.name == name } }
}

package struct Violation: Sendable, CustomStringConvertible {
    package var invariant: String
    var text: String
    var at: Span

    package var description: String { "\(invariant) at \(at.seconds) s: \(text)" }
}

/// Who can reach whom. Directed: a partition may be one-way.
struct Network {
    enum Node: Hashable { case host(Int), etcd }

    /// `blocked[from][to]`; the last index is etcd.
    private var blocked: [[Bool]]
    private let etcdIndex: Int
    var lossPermille = 0
    var slowest = Span.ms(2)

    init(hosts: Int) {
        etcdIndex = hosts
        blocked = Array(repeating: Array(repeating: false, count: hosts + 1), count: hosts + 1)
    }

    private func index(_ node: Node) -> Int {
        switch node {
        case .host(let index): index
        case .etcd: etcdIndex
        }
    }

    func isOpen(_ from: Node, _ to: Node) -> Bool { !blocked[index(from)][index(to)] }
    mutating func set(_ from: Node, _ to: Node, blocked isBlocked: Bool) { blocked[index(from)][index(to)] = isBlocked }

    mutating func heal() {
        for from in blocked.indices { for to in blocked[from].indices { blocked[from][to] = false } }
        lossPermille = 0
        slowest = .ms(2)
    }
}

extension World {
    /// One message; nothing happens when it is lost.
    func send(_ from: Network.Node, _ to: Network.Node, _ body: @escaping () -> Void) {
        guard network.isOpen(from, to), !random.chance(network.lossPermille) else { return }
        after(random.between(.ms(0.2), network.slowest), body)
    }
}
