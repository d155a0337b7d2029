import PostgresModel

/// A modelled PostgreSQL: its log, its control file and its postmaster.
final class ModelPostgres {
    enum Process: Equatable {
        case stopped
        case starting(ready: Span)
        case running
        case stopping
    }

    let host: Int
    unowned let world: World
    var onExit: (Int32) -> Void = { _ in }

    // The data directory.
    private(set) var hasData: Bool
    /// An unfinished pg_rewind: it starts no more.
    private(set) var isBroken = false
    private(set) var log: LogEnd
    private(set) var replayed: UInt64
    private(set) var controlTimeline: UInt32 = 1
    private(set) var clusterState = "in production"
    private(set) var checkpointAt: UInt64
    private(set) var standbySignal = false
    private(set) var upstream: Int?

    // The postmaster.
    private(set) var process = Process.stopped
    private(set) var pid: Int32 = 0
    private(set) var isRecovery = false
    private(set) var isStreaming = false
    private var run = 0
    /// Nothing of it moves: a hung disk. Signals but SIGKILL do nothing, and even that only when it is over.
    private(set) var isHung = false
    private var pendingKill = false
    /// SIGSTOP: who is connected works on, nobody new gets in, and signals to the postmaster wait.
    private(set) var isPostmasterStopped = false
    private var waitingSignal: (() -> Void)?
    /// A primary's next write is its last; no primary starts. A standby receives nothing.
    var isDiskFull = false
    /// It answers, and no write of it ends.
    var isWriteHung = false
    private var isDying = false
    var isEnding: Bool { isDying }
    private var hasShutdownRecord = false
    var isReplayPaused = false
    var sync = SynchronousCommits()
    /// Since when it runs, and since when it has had its position.
    private(set) var upSince = Span.zero
    private(set) var grewAt = Span.zero

    init(host: Int, in world: World) {
        self.host = host
        self.world = world
        hasData = true
        let root = world.checker.root
        log = LogEnd(branch: root, position: root.start)
        replayed = root.start
        checkpointAt = root.start
    }

    var isWritable: Bool { process == .running && !isRecovery && !isDying && !isHung && !isWriteHung }
    var isUp: Bool { process == .running && !isDying }
    /// To a new connection.
    var answers: Bool { !isHung && !isPostmasterStopped }

    // MARK: Processes

    /// False when it cannot start.
    func start(asStandby: Bool, upstream: Int?, takes: Span, then ready: @escaping (Bool) -> Void) {
        guard process == .stopped, hasData else { return ready(false) }
        pid = world.nextIdentity()
        run += 1
        let mine = run
        standbySignal = asStandby
        isRecovery = asStandby
        isDying = false
        if asStandby { self.upstream = upstream ?? self.upstream } else { self.upstream = nil }
        process = .starting(ready: world.now + takes)
        guard !isBroken else {
            world.after(.ms(50)) { [weak self] in
                guard let self, run == mine else { return }
                ended()
                ready(false)
            }
            return
        }
        awaitStart(mine, after: takes, ready)
    }

    private func awaitStart(_ mine: Int, after delay: Span, _ ready: @escaping (Bool) -> Void) {
        world.hosts[host].after(delay) { [weak self] in
            guard let self, run == mine, case .starting = process else { return ready(false) }
            if isHung || (isWriteHung && !isRecovery) { return awaitStart(mine, after: .ms(200), ready) }
            if isDiskFull, !isRecovery {
                ended()
                return ready(false)
            }
            upSince = world.now
            replayed = log.position
            clusterState = isRecovery ? "in archive recovery" : "in production"
            if !isRecovery { append(100) }
            process = .running
            world.note("h\(host + 1): postgres up as \(isRecovery ? "standby" : "primary") at \(LSN(rawValue: log.position))")
            ready(true)
        }
    }

    /// SIGINT: a fast shutdown, which goes on whatever becomes of the one who asked for it.
    func signalInt(takes: Span) {
        guard process == .running || isStarting else { return }
        let mine = run
        if isPostmasterStopped {
            waitingSignal = { [weak self] in if self?.run == mine { self?.signalInt(takes: takes) } }
            return
        }
        process = .stopping
        sync.waiting = []
        hasShutdownRecord = false
        world.hosts[host].after(takes) { [weak self] in
            guard let self else { return }
            awaitStandbys(mine, since: world.now)
        }
    }

    private var isStarting: Bool { if case .starting = process { true } else { false } }

    /// The shutdown checkpoint is written, and connected standbys get it before the senders end.
    private func awaitStandbys(_ mine: Int, since: Span) {
        guard run == mine, process == .stopping, !isDying else { return }
        let again = { [weak self] in
            guard let self else { return }
            world.hosts[host].after(.ms(50)) { [weak self] in self?.awaitStandbys(mine, since: since) }
        }
        if isHung || (isWriteHung && !isRecovery) { return again() }
        if !hasShutdownRecord { writeShutdownRecord() }
        let isWaitedFor = world.hosts.contains {
            $0.postgres.streams(from: self) && $0.postgres.log.position < log.position
        }
        // wal_sender_timeout ends the wait for a standby that is gone.
        if isWaitedFor, world.now - since < .s(60) { return again() }
        clusterState = isRecovery ? "shut down in recovery" : "shut down"
        ended()
    }

    /// The shutdown checkpoint of a primary: the last record of its log.
    private func writeShutdownRecord() {
        hasShutdownRecord = true
        guard !isRecovery else { return }
        checkpointAt = log.position
        append(120)
        controlTimeline = log.branch.number
    }

    func signalQuit(_ target: Int32, withChildren: Bool = false) {
        guard target == pid, process != .stopped else { return }
        if isPostmasterStopped {
            waitingSignal = { [weak self] in self?.signalQuit(target) }
            if withChildren { isDying = true }
            return
        }
        // The children are hit at once; the postmaster may take a moment.
        isDying = true
        awaitQuit(run, after: world.random.between(.ms(1), .ms(150)))
    }

    private func awaitQuit(_ mine: Int, after delay: Span) {
        world.hosts[host].after(delay) { [weak self] in
            guard let self, run == mine else { return }
            if isHung { awaitQuit(mine, after: .ms(200)) } else { ended() }
        }
    }

    func signalKill(_ target: Int32) {
        guard target == pid, process != .stopped else { return }
        isDying = true
        if isHung { pendingKill = true } else { ended() }
    }

    /// Ends without a word.
    func lost(isPower: Bool = false) {
        if isPower {
            isHung = false
            pendingKill = false
        }
        ended(tells: !isPower)
    }

    func setPostmasterStopped(_ stopped: Bool) {
        isPostmasterStopped = stopped && process != .stopped
        guard !stopped, let signal = waitingSignal else { return }
        waitingSignal = nil
        signal()
    }

    /// PANIC: could not write to its log.
    func panic() {
        guard process != .stopped else { return }
        world.note("h\(host + 1): PANIC, the disk is full")
        ended()
    }

    func setHung(_ hung: Bool) {
        isHung = hung
        if !hung, pendingKill {
            pendingKill = false
            ended()
        }
    }

    private func ended(tells: Bool = true) {
        guard process != .stopped else { return }
        run += 1
        if process != .stopping || !isRecovery { world.checker.drill.stopped() }
        process = .stopped
        isPostmasterStopped = false
        waitingSignal = nil
        isStreaming = false
        isDying = false
        sync.waiting = []
        world.note("h\(host + 1): postgres down, \(clusterState) at \(LSN(rawValue: log.position))")
        world.checker.stops += 1
        let old = pid
        if tells { onExit(old) }
    }

    // MARK: The log

    func append(_ bytes: UInt64) {
        log.position += bytes
        replayed = log.position
    }

    func checkpoint() {
        guard process == .running, !isRecovery else { return }
        checkpointAt = log.position
        append(100)
        controlTimeline = log.branch.number
    }

    /// pg_promote: recovery ends when everything received is replayed; the server is writable then.
    func promote(takes: Span) {
        let mine = run
        world.hosts[host].after(takes) { [weak self] in self?.awaitReplay(mine) }
    }

    private func awaitReplay(_ mine: Int) {
        guard run == mine, isUp, isRecovery else { return }
        if isHung || isWriteHung || replayed < log.position {
            return world.hosts[host].after(.ms(50)) { [weak self] in self?.awaitReplay(mine) }
        }
        upSince = world.now
        let before = log
        log = LogEnd(branch: Branch(number: before.branch.number + 1, parent: before.branch, start: replayed),
                     position: replayed)
        isRecovery = false
        isStreaming = false
        standbySignal = false
        upstream = nil
        clusterState = "in production"
        append(40)
        world.becamePrimary(world.hosts[host], from: before)
    }

    func follow(_ upstream: Int) { self.upstream = upstream }

    func stopStreaming() {
        upstream = nil
        isStreaming = false
    }

    /// A sender of `other` serves this standby now.
    func streams(from other: ModelPostgres) -> Bool { isStreaming && upstream == other.host && isUp }

    func noteStreaming(_ streaming: Bool) { isStreaming = streaming }

    func receive(_ end: LogEnd, replayedTo: UInt64) {
        if end.position != log.position { grewAt = world.now }
        log = end
        replayed = min(max(replayed, replayedTo), end.position)
    }

    // MARK: Rewind and clone

    /// Afterwards the data is the source's, up to where the source is now.
    func rewind(to source: ModelPostgres) { copy(from: source) }

    func copy(from source: ModelPostgres) {
        hasData = true
        isBroken = false
        log = source.log
        replayed = log.position
        controlTimeline = source.controlTimeline
        checkpointAt = source.checkpointAt
        clusterState = "in archive recovery"
        standbySignal = true
        upstream = source.host
    }

    /// `reinit` by an operator.
    func wipe() {
        ended()
        hasData = false
        isBroken = false
        standbySignal = false
    }

    func breakRewind() { isBroken = true }

    /// Crash recovery in single-user mode, as before a rewind.
    func recoverAlone() {
        guard process == .stopped, clusterState == "in production" else { return }
        checkpointAt = log.position
        append(120)
        controlTimeline = log.branch.number
        clusterState = "shut down"
        standbySignal = false
    }
}
