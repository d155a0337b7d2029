import Cluster
import HACore
import JSON
import PostgresModel
import Timekeeping

/// A scenario script's state: lines change the observation, `decide` asks the core. Format: Scenarios/README.md.
struct ScenarioWorld {
    var observation = Observation(
        now: .at(100), me: "h1", settings: CoreSettings(),
        server: ServerObservation(storage: .empty, process: .stopped), store: .unknown, lease: .none)
    var memory = Memory()
    var view = ClusterView(
        revision: 1, initialize: "7700000000000000001", config: ConfigKey(modRevision: 1, value: .object([:])))
    /// What a running server shows of its standbys, kept from one `process` to the next.
    var connections: [ReplicationConnection] = []
    var names: SynchronousStandbyNames?
    var last: [Action] = []
    var storeWord = "unknown"

    struct BadLine: Error, CustomStringConvertible {
        var description: String
    }

    /// Runs one line; `decide` returns what was decided.
    mutating func run(_ line: String) throws -> Decision? {
        let words = line.split(separator: " ").map(String.init)
        guard let command = words.first else { return nil }
        let arguments = Arguments(Array(words.dropFirst()))
        switch command {
        case "me": observation.me = arguments.words.first ?? "h1"
        case "now": observation.now = .at(try arguments.number(0))
        case "advance":
            let seconds = try arguments.number(0)
            observation.now = observation.now + .seconds(seconds)
            observation.wallClock?.microseconds += Int64(seconds * 1e6)
        case "forget": memory = Memory()
        case "settings": try settings(arguments)
        case "storage": try storage(arguments)
        case "process": try process(arguments)
        case "crashed": observation.server.crashedAt = arguments.words.first == "no" ? nil : observation.now
        case "store": storeWord = arguments.words.first ?? ""
        case "initialize":
            let word = arguments.words.first
            view.revision += 1
            view.initialize = word == "none" ? nil : word == "empty" ? "" : word
            view.initializeRevision = view.revision
        case "claim": observation.claim = arguments.words.isEmpty ? nil : view.initializeRevision
        case "leader": try leader(arguments)
        case "member": try member(arguments)
        case "failover": failover(arguments)
        case "failsafe": failsafe(arguments)
        case "compared": try compared(arguments)
        case "history": try history(arguments)
        case "optime": view.status.optime = try arguments.lsn(0)
        case "lease": try lease(arguments)
        case "connections": try setConnections(arguments)
        case "names": try setNames(arguments)
        case "sync": try sync(arguments)
        case "restart": try restart(arguments)
        case "reinit": reinit(arguments)
        case "watchdog": watchdog(arguments)
        case "promise": try promise(arguments)
        case "config": view.config = arguments.flag("none") ? nil : ConfigKey(modRevision: 1, value: .object([:]))
        case "wall": observation.wallClock = try arguments.parse(arguments.words.first ?? "") { WallInstant(iso8601: $0) }
        case "apply": apply()
        case "peers": try peers(arguments)
        case "operation": try operation(arguments)
        case "guard": try guardian(arguments)
        case "decide": return try decideNow()
        default: throw BadLine(description: "unknown command \(command)")
        }
        return nil
    }

    private mutating func decideNow() throws -> Decision {
        switch storeWord {
        case "unknown": observation.store = .unknown
        case "connected": observation.store = .connected(view, confirmed: observation.now)
        case "regressed": observation.store = .regressed(last: view, why: "revision 7 after 900")
        case "unreachable": observation.store = .unreachable(since: observation.now, last: view)
        default: throw BadLine(description: "store: unknown, connected, unreachable or regressed")
        }
        let decision = decide(observation, memory: memory)
        memory = decision.memory
        last = decision.actions
        if case .finished = observation.operation { observation.operation = .idle }
        if decision.actions.contains(.askPeers) { observation.peers = PeerObservation(askedAt: observation.now) }
        return decision
    }
}

/// The words after a command, `key=value` or plain; `_` in a value stands for a blank.
struct Arguments {
    var words: [String]
    var values: [String: String] = [:]

    init(_ all: [String]) {
        words = all.filter { !$0.contains("=") }
        for word in all where word.contains("=") {
            let sides = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            values[sides[0]] = sides[1].split(separator: "_", omittingEmptySubsequences: false).joined(separator: " ")
        }
    }

    func number(_ index: Int) throws -> Double {
        guard index < words.count, let value = Double(words[index])
        else { throw ScenarioWorld.BadLine(description: "a number is missing") }
        return value
    }
    func number(_ key: String) throws -> Double? { try values[key].map { try parse($0, Double.init) } }
    func integer(_ key: String) throws -> Int? { try values[key].map { try parse($0) { Int($0) } } }
    func lsn(_ index: Int) throws -> LSN {
        guard index < words.count else { throw ScenarioWorld.BadLine(description: "a position is missing") }
        return try parse(words[index]) { LSN($0) }
    }
    func lsn(_ key: String) throws -> LSN? { try values[key].map { try parse($0) { LSN($0) } } }
    func timeline(_ key: String) throws -> Timeline? { try integer(key).map { Timeline(UInt32($0)) } }
    func flag(_ word: String) -> Bool { words.contains(word) }

    func parse<Value>(_ text: String, _ read: (String) -> Value?) throws -> Value {
        guard let value = read(text) else { throw ScenarioWorld.BadLine(description: "cannot read \(text)") }
        return value
    }
}

extension BootInstant {
    static func at(_ seconds: Double) -> Self { Self(nanoseconds: Int64((seconds * 1e9).rounded())) }
}
