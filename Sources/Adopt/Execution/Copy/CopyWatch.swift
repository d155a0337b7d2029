import Planning
import PostgresModel

/// What `apply` remembers of a copy while it watches it.
struct CopyWatch: Sendable {
    var meter = RateMeter()
    var budget = WALBudget()
    var source: CopySource
    var ends: CopyEnds
    /// Nil: the copy goes as fast as it can.
    var pace: CopyPace?
    /// What the target was told last; nil: nothing yet.
    var given: CopyPace.Order?
    /// The newest look at what the slot keeps, and when it was due.
    var wal: WALBudget.Look?
    private var walLookedAt: Duration?
    /// The processes on the primary that send it, with the nice value that they were given.
    var senders: Set<Int> = []
    /// The primary's WAL, and how fast the copy's may come; nil: nobody was told yet.
    var walMeter = RateMeter()
    var givenWAL: Int64?
    var failures = 0

    init(source: CopySource, target: String) {
        self.source = source
        ends = CopyEnds(source: source.host, target: target)
    }

    /// True at first, and then every five seconds: true means that it is looked at now.
    mutating func isWALDue(at now: Duration) -> Bool {
        guard walLookedAt.map({ now - $0 >= .seconds(5) }) ?? true else { return false }
        walLookedAt = now
        return true
    }
}

extension BaseBackupStep {
    /// Nil for a copy of a standby, too: slowing it does nothing for the primary but make it keep more WAL, all of which
    /// the new standby then wants at once.
    func pace(isCopying: Bool, _ source: CopySource, _ context: StepContext) async -> CopyPace? {
        guard source.host == change.sourceHost else { return nil }
        guard let percent = change.latencyLimit, change.size >= CopyPace.smallestCopy else { return nil }
        guard await canBePaced(source, context) else { return nil }
        let copies = context.plan.steps.count { step in
            if case .baseBackup(let other) = step.kind { other.standby?.host == change.standby?.host } else { false }
        }
        return CopyPace(most: Double(percent) / 100, listensAgain: copies == 1, isCopying: isCopying)
    }

    /// The latency of before the copy.
    func listen(_ watch: inout CopyWatch, _ context: StepContext) async {
        guard watch.pace?.isListening == true else { return }
        // A server that does not answer is nobody's to spare; the copy itself will say what is wrong.
        for _ in 0..<5 where watch.pace?.isListening == true { await judge(&watch, rate: nil, context) }
        guard let pace = watch.pace else { return }
        if pace.isListening {
            watch.pace = nil
            return context.note("the latency of \(change.sourceHost) could not be measured: it does not slow the copy")
        }
        context.note(
            pace.before == nil
                ? "\(change.sourceHost) has hardly any clients just now: the copy goes as fast as it can until it has"
                : "statements on \(change.sourceHost) take \(milliseconds(pace.before)) now; the copy slows down when "
                    + "they take more than \(change.latencyLimit ?? 100) % of that")
    }

    /// A connection that stands still for seconds must not be taken for a lost one.
    private func canBePaced(_ source: CopySource, _ context: StepContext) async -> Bool {
        let limit = try? await context.sql(
            "SELECT setting FROM pg_settings WHERE name = 'tcp_user_timeout';", on: source.host, source.server,
            purpose: "asking for tcp_user_timeout")
        guard let limit = limit.flatMap({ Int64($0) }), limit > 0, limit < 30_000 else { return true }
        context.note(
            "tcp_user_timeout is \(limit) ms on \(source.host): a copy that is held back could be cut off, so it "
                + "is not slowed down for latency")
        return false
    }

    /// One window of latency, and what follows from it.
    func judge(_ watch: inout CopyWatch, rate: Int64?, _ context: StepContext) async {
        guard watch.pace != nil else { return }
        let output = try? await context.sql(
            LatencyProbe.statements, on: change.sourceHost, context.plan.primaryLocal, purpose: "measuring latency")
        guard let output else { return }
        _ = watch.pace?.next(LatencyProbe.window(output), measured: rate, at: context.environment.now())
    }

    /// Tells the target, if it does not know yet.
    func give(_ watch: inout CopyWatch, _ context: StepContext) async throws {
        guard let pace = watch.pace else { return }
        if pace.order == watch.given { return }
        try await context.run("setting the rate of the copy", script.give(pace.order))
        watch.given = pace.order
    }

    private func milliseconds(_ value: Double?) -> String {
        let tenths = Int(((value ?? 0) * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) ms"
    }
}
