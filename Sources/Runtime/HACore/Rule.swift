import PostgresModel
import Timekeeping

/// The parts of the table, in the order in which they are asked.
public enum Phase: String, CaseIterable, Sendable {
    case safety = "Safety"
    case store = "Store"
    case bootstrap = "Bootstrap"
    case identity = "Identity"
    case lock = "Lock"
    case operation = "Operation"
    case maintenance = "Maintenance"
    case pause = "Pause"
    case requests = "Requests"
    case leading = "Leading"
    case leaderDown = "Leader down"
    case following = "Following"
    case leaderless = "Leaderless"
    case race = "Race"
}

/// One row of the table. The first row whose condition holds decides.
public struct Rule: Sendable {
    public let id: RuleID
    public let phase: Phase
    /// The condition in words, for docs/ha-rules.md.
    public let when: String
    /// What happens in words, for docs/ha-rules.md.
    public let then: String
    /// An urgent rule begins its operation even while the same kind backs off after a failure.
    let isUrgent: Bool
    let condition: @Sendable (Situation) -> Bool
    let outcome: @Sendable (Situation, inout Memory) -> Outcome

    init(
        _ number: Int, _ name: String, _ phase: Phase, when: String, then: String, isUrgent: Bool = false,
        _ condition: @escaping @Sendable (Situation) -> Bool,
        _ outcome: @escaping @Sendable (Situation, inout Memory) -> Outcome
    ) {
        id = RuleID(number, name)
        self.phase = phase
        self.when = when
        self.then = then
        self.isUrgent = isUrgent
        self.condition = condition
        self.outcome = outcome
    }
}

/// What a row says: the actions, the sentence with names and numbers, and a moment to look again.
struct Outcome {
    var actions: [Action]
    var reason: String
    var wake: BootInstant?

    init(_ actions: Action..., reason: String, wake: BootInstant? = nil) {
        self.actions = actions
        self.reason = reason
        self.wake = wake
    }
}

/// One row of the upkeep table: all rows that match add their action to the decision.
public struct UpkeepRule: Sendable {
    public let id: RuleID
    public let when: String
    public let then: String
    let action: @Sendable (Situation, _ decided: [Action]) -> Action?
}
