import Cluster
import Etcd
import Kernel
import Logging
import Timekeeping

/// What a member tells the cluster about itself and, as the leader, about the cluster. Nobody's decision waits for
/// its being written; only the newest of each kind counts.
public enum Report: Equatable, Sendable {
    case member(Member, lease: Int64)
    case status(StatusKey)
    case history([HistoryEntry])
    /// Member name to api_url.
    case failsafe([String: String])

    public enum Kind: Int, CaseIterable, Hashable, Sendable {
        // In the order in which they are written.
        case member, failsafe, history, status
    }

    public var kind: Kind {
        switch self {
        case .member: .member
        case .failsafe: .failsafe
        case .history: .history
        case .status: .status
        }
    }
}

/// The one task that writes reports. Whoever has something to tell leaves it here and goes on at once; a store that
/// takes seconds for a write delays no decision, and no more than one report of each kind waits.
public actor ReportWriter {
    private let store: ClusterStore
    private let log: Logger
    private var waiting: [Report.Kind: Report] = [:]
    private var failing: Set<Report.Kind> = []
    private let rings: AsyncStream<Void>
    private let bell: AsyncStream<Void>.Continuation
    private let doneEvents: AsyncStream<Report>.Continuation

    /// Each report that the store has confirmed. Unread ones beyond a few are dropped, the oldest first.
    public nonisolated let done: AsyncStream<Report>

    public init(store: ClusterStore, log: Logger = Logger(label: "store")) {
        self.store = store
        self.log = log
        (rings, bell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (done, doneEvents) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(16))
    }

    /// Leaves a report; one of the same kind that still waits is forgotten.
    public func post(_ report: Report) {
        waiting[report.kind] = report
        bell.yield()
    }

    /// Forgets what waits, such as a leader's reports of a member that leads no more.
    public func forget(_ kinds: Report.Kind...) {
        for kind in kinds { waiting[kind] = nil }
    }

    /// Writes until the task is cancelled. A report that fails is dropped: the next cycle leaves a newer one.
    public func run() async {
        for await _ in rings {
            while let kind = Report.Kind.allCases.first(where: { waiting[$0] != nil }),
                let report = waiting.removeValue(forKey: kind)
            {
                if Task.isCancelled { return }
                await write(report)
            }
        }
    }

    private func write(_ report: Report) async {
        do {
            let outcome: WriteOutcome
            switch report {
            case .member(let member, let lease): outcome = try await store.touchMember(member, lease: lease)
            case .status(let status): outcome = try await store.writeStatus(status)
            case .history(let entries): outcome = try await store.writeHistory(entries)
            case .failsafe(let members): outcome = try await store.writeFailsafe(members)
            }
            switch outcome {
            case .done:
                failing.remove(report.kind)
                doneEvents.yield(report)
            case .compareFailed: failing.remove(report.kind)
            case .ambiguous(let reason): failed(report.kind, reason)
            }
        } catch {
            failed(report.kind, (error as? EtcdError)?.description ?? "the agent is ending")
        }
    }

    /// Said once until it succeeds again: the store's own state is logged by the store.
    private func failed(_ kind: Report.Kind, _ reason: String) {
        guard failing.insert(kind).inserted else { return }
        log.info("\(kind.key) not written: \(reason)")
    }
}

extension Report.Kind {
    /// The key's name, for sentences.
    fileprivate var key: String {
        switch self {
        case .member: "the member key"
        case .status: "the key 'status'"
        case .history: "the key 'history'"
        case .failsafe: "the key 'failsafe'"
        }
    }
}
