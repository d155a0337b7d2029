/// docs/checks.md, made from the tables so that it cannot be wrong about them.
public func ruleBookMarkdown() -> String {
    var lines = [introduction]
    for group in ruleGroups {
        lines.append("## \(group.title)\n")
        lines.append("| name | what it looks at | fails when | warns when | remedy | it bites |")
        lines.append("|---|---|---|---|---|---|")
        for rule in group.rules {
            let cells = ["`\(rule.name)`", rule.title, rule.fails, rule.warns, rule.remedy, rule.effect.words]
            lines.append("| " + cells.map { $0.replacingBars }.joined(separator: " | ") + " |")
        }
        lines.append("")
    }
    lines.append("## Why\n")
    for rule in ruleGroups.flatMap(\.rules) { lines.append("- `\(rule.name)`: \(rule.why)") }
    let left = catalogue.filter { if case .left = $0.coverage { true } else { false } }
    lines.append("\n## The catalogue behind them\n")
    lines.append("The checks cover \(catalogue.count - left.count) of the \(catalogue.count) entries of the catalogue they were made from.\n")
    lines.append("| # | entry | checks |\n|--:|---|---|")
    for entry in catalogue {
        if case .rules(let names) = entry.coverage {
            lines.append("| \(entry.number) | \(entry.topic) | \(names.map { "`\($0)`" }.joined(separator: ", ")) |")
        }
    }
    lines.append("\nNot built, each for its reason:\n")
    for entry in left {
        if case .left(let reason) = entry.coverage { lines.append("- \(entry.number) \(entry.topic): \(reason)") }
    }
    return lines.joined(separator: "\n") + "\n"
}

extension String {
    /// A bar would end a cell of the table.
    fileprivate var replacingBars: String { split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|") }
}

private let introduction = """
    # The checks

    <!-- Made from the tables in Sources/Adopt/Preflight by:
         PGADOPT_WRITE_DOCS=1 swift test --filter RuleBookTests
         Do not edit. -->

    `pgadopt check` and `pgadopt plan` survey every host of the inventory and the store, and run each rule below over
    what they found. They write nothing, on no host and in no key. The rules are pure functions in
    `Sources/Adopt/Preflight/Rules`; facts that could not be gathered are a finding themselves (`survey.complete`).

        pgadopt check inventory.yaml                     failures and warnings
        pgadopt check inventory.yaml --all               what is in order too
        pgadopt check inventory.yaml --json              for programs
        pgadopt check inventory.yaml --only wal          checks whose names begin with wal.
        pgadopt check inventory.yaml --explain wal.slots what it is about
        pgadopt check inventory.yaml --waive wal.slots   that failure counts as a warning
        pgadopt check inventory.yaml --waive clock.offset@h2

    A **failure** forbids the plan. A **warning** forbids nothing. A waiver is by name, or by name and host; it is
    written into the finding and with it into the plan (`--waive` is an option of `plan` too), and it silences only
    failures. Waive what you have understood: a waived check is not made to work by it. A name that does not exist is
    refused, with the nearest one that does.

    Behind each remedy stands when it takes effect: at once, at a reload, at a restart of PostgreSQL, by a service
    action, or by a person's work. A check that needs a fact that is missing says nothing; `survey.complete` tells
    which facts are missing, and why.

    Members that are adopted already are not asked for free space, free ports or an empty directory again, also while
    their agent is off. On Debian, installing the server package makes an empty cluster; drop it on replicas with
    `pg_dropcluster 15 main`, because a base backup writes into an empty directory and nowhere else.

    How some things are measured: the speed of links is what their drivers say, and the latency of disks is the
    kernel's own count since boot, because a measurement of ours would load a production network or write. The rate of
    WAL is the higher of two values: between two readings during the survey, and since the statistics were last reset.
    Two hosts sort alike when a fixed list of some 1,500 words, sorted there under each locale in use, has one hash.
    pg_hba.conf is judged with the address that a host's kernel chooses for the way to each other host.

    """
