import Cluster
import Etcd
import Kernel
import Logging
import Timekeeping

/// One cluster's state in etcd, in Patroni's layout: keeps a complete view current by a watch, confirms it by
/// linearizable reads when the watch is quiet, and writes with Patroni's conditions.
public actor ClusterStore {
    public nonisolated let paths: StorePaths
    /// This member's name.
    public nonisolated let member: String
    let client: EtcdClient
    let clock: any BootTimeClock
    let log: Logger
    /// The longest a view stays unconfirmed.
    var loopWait: Duration
    /// Bounds each read and write with all its tries on all servers.
    var retryTimeout: Duration
    var cache: KeyCache
    private var complaints: Set<String> = []
    private(set) var state = StoreState.unknown
    private var broadcast = Broadcast<StoreState>()
    private var confirmed: BootInstant?
    private var failingSince: BootInstant?
    /// Confirming reads in a row that knew more than the watch had told.
    private var roundsBehind = 0
    /// The store went back: believed again only after ``acceptRegression()``.
    private var wentBack = false
    /// How far an agent before this one had followed the store; nil once a read has gone on from there.
    private var recalled: StoreMark?

    public init(
        client: EtcdClient, namespace: String, scope: String, member: String, loopWait: Duration = .seconds(4),
        retryTimeout: Duration = .seconds(4), recalled: StoreMark? = nil, clock: any BootTimeClock = BootClock(),
        log: Logger = Logger(label: "store")
    ) {
        self.recalled = recalled
        self.client = client
        self.member = member
        self.loopWait = loopWait
        self.retryTimeout = retryTimeout
        self.clock = clock
        self.log = log
        paths = StorePaths(namespace: namespace, scope: scope)
        cache = KeyCache(paths: paths)
    }

    public func setTimes(loopWait: Duration, retryTimeout: Duration) {
        self.loopWait = loopWait
        self.retryTimeout = retryTimeout
    }

    // MARK: Reading

    /// The state now, and each newer one. Any number of readers.
    public func states() -> AsyncStream<StoreState> {
        broadcast.subscribe(current: state) { id in Task { await self.unsubscribe(id) } }
    }

    /// Confirmed views until a moment on the clock, beginning with the present one; for who waits for a change.
    public nonisolated func views(until limit: BootInstant) -> AsyncStream<ClusterView> {
        let (stream, continuation) = AsyncStream.makeStream(of: ClusterView.self, bufferingPolicy: .bufferingNewest(1))
        let reading = Task {
            for await state in await states() {
                if case .connected(let view, _) = state { continuation.yield(view) }
            }
        }
        let timer = Task { [clock] in
            try? await clock.sleep(until: limit, tolerance: nil)
            continuation.finish()
        }
        continuation.onTermination = { _ in
            reading.cancel()
            timer.cancel()
        }
        return stream
    }

    private func unsubscribe(_ id: Int) { broadcast.remove(id) }

    /// Keeps the view current until the task is cancelled.
    public func run() async {
        if let recalled, recalled.clusterID != 0 {
            await client.recall(clusterID: recalled.clusterID, raftTerm: recalled.raftTerm)
        }
        while !Task.isCancelled {
            if await refresh() {
                do {
                    try await follow(from: cache.revision + 1)
                } catch let error as EtcdError {
                    if case .compacted = error.code { continue }  // read again
                    if error.code != .cancelled { report(error) }
                } catch {
                    if error is WatchFellBehind { log.info("the watch tells less than the store knows; reading again") }
                    continue
                }
            }
            try? await clock.sleep(until: clock.now + .milliseconds(500), tolerance: nil)
        }
    }

    /// The store was rebuilt on purpose: take it as it is now.
    public func acceptRegression() async {
        await client.forgetHistory()
        recalled = nil
        cache = KeyCache(paths: paths)
        state = .unknown
        wentBack = false
        await refresh()
    }

    /// Reads everything linearizably; true when the view is confirmed by it.
    @discardableResult
    public func refresh() async -> Bool {
        let asked = clock.now
        let known = known
        do {
            let range = try await client.range(prefix: paths.base, timeout: retryTimeout)
            return adopt(KeyCache(range, paths: paths), known: known, confirmed: asked)
        } catch {
            if let error = error as? EtcdError, error.code != .cancelled { report(error) }
            return false
        }
    }

    private struct WatchFellBehind: Error {}

    private func follow(from revision: Int64) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.consumeWatch(from: revision) }
            group.addTask { try await self.confirmWhenQuiet() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func consumeWatch(from revision: Int64) async throws {
        for try await item in client.watch(prefix: paths.base, fromRevision: revision) {
            switch item {
            case .opened:
                break
            case .events(let events, _):
                cache.apply(events)
                roundsBehind = 0
                confirm(at: clock.now)
            case .interrupted(let error):
                // While the store is known not to answer, it is read again and again anyway.
                guard failingSince == nil else { break }
                log.debug("the watch was interrupted: \(error)")
                await refresh()
            }
        }
    }

    private func confirmWhenQuiet() async throws {
        while true {
            let isFailing = failingSince != nil
            let next = (confirmed ?? clock.now) + loopWait
            let now = clock.now
            let until = isFailing ? now + .milliseconds(500) : max(next, now + .milliseconds(100))
            try await clock.sleep(until: until, tolerance: nil)
            guard failingSince != nil || clock.now - (confirmed ?? now) >= loopWait else { continue }
            let before = cache.keys
            guard await refresh() else { continue }
            roundsBehind = cache.keys == before ? 0 : roundsBehind + 1
            if roundsBehind >= 2 { throw WatchFellBehind() }
        }
    }

    // MARK: State

    /// What is known now: committed, so that a read that is asked for from now on goes on from here.
    var known: StoreMark { recalled ?? StoreMark(cache.view) }

    /// How far this member has followed the store, to be kept; nil while nothing that it says is believed.
    public func mark() async -> StoreMark? {
        guard let history = await client.history, case .connected = state, !wentBack else { return nil }
        return StoreMark(cache.view, clusterID: history.clusterID, raftTerm: history.raftTerm)
    }

    /// Takes a linearizable read. An answer that contradicts what was `known` when it was asked for comes from a store
    /// that went back.
    @discardableResult
    func adopt(_ read: KeyCache, known: StoreMark, confirmed: BootInstant) -> Bool {
        guard !wentBack else { return false }
        if let contradiction = known.contradiction(in: read.view) {
            wentBack = true
            regressed("\(contradiction): it was restored from an older copy")
            return false
        }
        recalled = nil
        _ = cache.replace(with: read)
        confirm(at: confirmed)
        return true
    }

    private func confirm(at instant: BootInstant) {
        // A watch that goes on after a restore brings the new history's events onto the old one's keys.
        guard !wentBack else { return }
        if failingSince != nil { log.notice("the store answers again") }
        failingSince = nil
        confirmed = max(instant, confirmed ?? instant)
        publish(.connected(cache.view, confirmed: confirmed ?? instant))
    }

    private func report(_ error: EtcdError) {
        if error.code == .staleServer || error.code == .foreignCluster { return regressed(error.description) }
        if case .regressed = state { return }
        let since = failingSince ?? clock.now
        if failingSince == nil { log.warning("the store does not answer: \(error)") }
        failingSince = since
        publish(.unreachable(since: since, last: state.view, reason: error.description))
    }

    private func regressed(_ reason: String) {
        if case .regressed = state { return }
        failingSince = failingSince ?? clock.now
        log.critical("\(reason). Nothing is decided on it until a person has looked")
        publish(.regressed(last: state.view, reason: reason))
    }

    /// Values that nobody can use are said once, and again when they come back.
    private func complain() {
        let now = Set(CorruptValues.sentences(cache.keys))
        for sentence in now.subtracting(complaints).sorted() { log.warning("\(sentence)") }
        complaints = now
    }

    private func publish(_ state: StoreState) {
        guard state != self.state else { return }
        if case .connected = state { complain() }
        self.state = state
        broadcast.send(state)
    }

    /// Publishes the cache after an own write.
    func publishOwnWrite() { confirm(at: clock.now) }
}
