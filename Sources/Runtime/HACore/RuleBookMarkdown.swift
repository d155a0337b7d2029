extension RuleBook {
    /// The table as docs/ha-rules.md shows it: the diagram, then every row with its condition and what follows.
    public static var markdown: String {
        var lines = header
        for phase in Phase.allCases {
            lines += ["## \(phase.rawValue)", "", phase.about, "", "| # | rule | when | then |", "|--:|---|---|---|"]
            for rule in rules where rule.phase == phase {
                lines.append("| \(rule.id.number) | `\(rule.id.name)` | \(rule.when) | \(rule.then) |")
            }
            lines.append("")
        }
        lines += [
            "## Upkeep", "", "All rows that match add their action to the decision, whichever rule decided.", "",
            "| # | upkeep | when | then |", "|--:|---|---|---|",
        ]
        for rule in upkeep { lines.append("| U\(rule.id.number) | `\(rule.id.name)` | \(rule.when) | \(rule.then) |") }
        return lines.joined(separator: "\n") + "\n"
    }

    private static var header: [String] {
        [
            "# The rules of the agent",
            "",
            "Made from the table in `Sources/Runtime/HACore`; a test compares them. To make it anew:",
            "`UPDATE_GOLDEN=1 swift test --filter HACoreTests`.",
            "",
            "Each decision asks the rows from the top; the first whose condition holds decides, and its sentence is the",
            "reason that is logged and shown. Numbers are names: they never change, and do not tell the order. \"The lock\"",
            "is the leader key under our present lease, while that lease cannot have expired. \"May be writable\" is a",
            "running primary, and any process of a server without a standby signal file that is starting, stopping or",
            "silent. \"A member could lead\": by what it says in the store, and in synchronous mode only if `sync` lists it.",
            "An operation that failed is begun again after 1, 2, 4, ... 60 seconds; rows that protect data or that a",
            "person asked for do not wait.",
            "",
            "```mermaid",
            "flowchart TD",
        ] + diagram + ["```", ""]
    }

    private static var diagram: [String] {
        let phases = Phase.allCases
        var lines = ["    observation([observation]) --> \(phases[0].node)"]
        for (index, phase) in phases.enumerated() {
            lines.append("    \(phase.node){\"\(phase.rawValue)<br/>\(phase.question)\"}")
            lines.append("    \(phase.node) -- yes --> \(phase.node)Rules[\"\(phase.answer)\"]")
            lines.append("    \(phase.node)Rules --> upkeep")
            if index + 1 < phases.count { lines.append("    \(phase.node) -- no --> \(phases[index + 1].node)") }
        }
        return lines + ["    upkeep[[upkeep]] --> decision([decision])"]
    }
}

extension Phase {
    fileprivate var node: String { rawValue.split(separator: " ").joined().lowercased() }

    /// The question in the diagram.
    fileprivate var question: String {
        switch self {
        case .safety: "writable without a lock that is surely ours?"
        case .store: "store silent or unusable?"
        case .bootstrap: "no cluster yet?"
        case .identity: "system identifier not proven?"
        case .lock: "our name on a lock that is not ours now?"
        case .operation: "operation under way?"
        case .maintenance: "a restart or a new copy asked for?"
        case .pause: "paused?"
        case .requests: "we lead and are asked to give way?"
        case .leading: "we hold the lock and the server is up?"
        case .leaderDown: "we hold the lock and the server is down?"
        case .following: "another member leads?"
        case .leaderless: "nobody leads and no standby runs here?"
        case .race: "nobody leads and a standby runs here?"
        }
    }

    fileprivate var answer: String {
        switch self {
        case .safety: "demote at once"
        case .store: "lead on until the deadline is near, then stop; others stay"
        case .bootstrap: "claim it, make it, lead it, or wait"
        case .identity: "touch nothing"
        case .lock: "reattach, wait for a lease, or give back"
        case .operation: "wait, or give it up"
        case .maintenance: "restart, copy anew, or refuse"
        case .pause: "keep the lock, change nothing"
        case .requests: "ask, then stop to hand over, or clear"
        case .leading: "lead, or promote"
        case .leaderDown: "hand over, start in place, or give back"
        case .following: "follow, start, rewind or copy"
        case .leaderless: "primary: take the lock; stopped: start as standby"
        case .race: "ask, compare, take the lock or leave it"
        }
    }

    /// One sentence above the phase's rows.
    fileprivate var about: String {
        switch self {
        case .safety: "Promise 6 of the design: one leader. In pause mode the operator has taken this over."
        case .store: "Without the store nothing is promoted and nothing follows anybody else."
        case .bootstrap: "A new cluster from empty directories; the claim is `initialize`, created empty."
        case .identity: "No role is given or taken before the server is known to be of this scope."
        case .lock: "The key carries our name; whether it is our lock depends on the lease."
        case .operation: "One operation at a time."
        case .maintenance: "What people ask of one member; in pause mode, too, but for what is scheduled."
        case .pause: "As in Patroni: nothing changes roles by itself. What a person asks for by name is still done."
        case .requests: "The `failover` key, seen by the leader."
        case .leading: "The normal life of a leader, and the way from standby to primary."
        case .leaderDown: "A crash is repaired in place; the lock moves only when that fails or takes too long."
        case .following: "The upstream is changed by reload; a diverged server is rewound or copied, never wiped."
        case .leaderless: "A primary without a leader, and servers that do not run."
        case .race: "All may try; the transaction in the store lets one through. The upstream is kept meanwhile."
        }
    }
}
