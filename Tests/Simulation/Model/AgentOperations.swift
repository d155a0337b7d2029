import Cluster
import HACore
import PostgresModel
import Timekeeping

/// The one long task at a time.
extension ModelAgent {
    /// Nil: done; else why it failed.
    typealias Ending = (String?) -> Void

    func begin(_ wanted: Operation) {
        guard case .idle = operation else {
            return world.violate("core", "\(me): two operations at once: \(wanted)")
        }
        world.note("\(me): begin \(wanted)")
        // What a person asks for is done in pause mode, too.
        let isAsked = world.checker.askedAt.map { world.now - $0 < .s(120) } ?? false
        if settings.isPaused, !isAsked { world.violate("pause", "\(me) begins \(wanted) in pause mode") }
        checkSchedule(wanted)
        checkNobodyWaits(wanted)
        operation = .running(wanted, since: host.clock)
        isCancelled = false
        operationNumber += 1
        let mine = operationNumber
        let finish: Ending = { [weak self] failure in
            guard let self, operationNumber == mine, case .running = operation else { return }
            world.note("\(me): \(wanted.kind.rawValue) \(failure.map { "failed: \($0)" } ?? "done")")
            operation = .finished(wanted, failure.map { .failed($0) } ?? .done)
            ring()
        }
        switch wanted {
        case .start(let mode): startServer(mode, finish)
        case .stop(.fast): stopFast(finish)
        case .stop(.immediate): stopAtOnce(finish)
        case .promote: promote(finish)
        case .demote(.immediate): stopAtOnce(finish)
        case .demote(.offline): stopFast(finish)
        case .demote(.switchover):
            after(duration(.ms(5), .s(2))) { [weak self] in
                self?.postgres.checkpoint()
                self?.stopFast(finish)
            }
        case .rewind(let source): rewind(from: source, finish)
        case .clone(let source): clone(from: source, finish)
        case .restart: restart(finish)
        case .reinitialise(let source):
            stopAtOnce { [weak self] _ in self?.clone(from: source, finish) }
        case .demote(.standbyCluster), .bootstrap:
            world.violate("core", "\(me): \(wanted) was decided")
            finish("not modelled")
        }
    }

    /// A scheduled switchover does not begin before its time, as long as the clock is right.
    private func checkSchedule(_ wanted: Operation) {
        guard case .demote(.switchover) = wanted, let text = view?.failover?.scheduledAt, let moment = WallInstant(iso8601: text), !host.hasJumped, host.wallClock < moment else { return }
        world.violate("schedule", "\(me) begins \(wanted.kind.rawValue) \(moment - host.wallClock) before its time")
    }

    /// A standby that the leader has left out of `sync` at its wish goes away without a commit that waits for it.
    private func checkNobodyWaits(_ wanted: Operation) {
        guard wanted.kind == .restart || wanted.kind == .reinitialise, let leaving = memory.leavesSync,
            leaving.isOutSince != nil,
            leaving.end(patience: settings.loopWait * 2) < leaving.since + settings.loopWait * 2,
            let sync = world.etcd.view.sync, !sync.standbys.contains(me), let leader = world.host(sync.leader ?? ""),
            let agent = leader.agent, agent.isAlive, agent.holdsLock, agent.view?.sync == sync,
            agent.view?.member(me)?.tags["nosync"]?.bool == true, leader.postgres.isWritable
        else { return }
        guard leader.postgres.sync.names.members.contains(me) else { return }
        let what = "\(me), which was left out of sync, at its \(wanted.kind.rawValue)"
        world.violate("opt-out", "commits on \(leader.name) wait for \(what)")
    }

    func cancelOperation() {
        guard case .running(let current, _) = operation, !isCancelled else { return }
        world.note("\(me): cancel \(current.kind.rawValue)")
        isCancelled = true
        switch current {
        // The waiting ends; the server goes on with what it was told.
        case .start, .promote, .clone, .rewind, .reinitialise, .restart, .bootstrap:
            after(.ms(2)) { [weak self] in self?.endCancelled() }
        // A cancelled stop goes straight on to SIGKILL.
        case .stop, .demote:
            postgres.signalKill(postgres.pid)
            after(.ms(20)) { [weak self] in self?.endCancelled() }
        }
    }

    private func endCancelled() {
        guard case .running(let current, _) = operation, isCancelled else { return }
        operation = .finished(current, .failed("cancelled"))
        ring()
    }

    private func duration(_ low: Span, _ high: Span) -> Span {
        world.random.between(low, options.slowOperations && !world.isCalm ? high * 4 : high)
    }

    // MARK: Start and stop

    private func startServer(_ mode: StartMode, _ finish: @escaping Ending) {
        guard postgres.process == .stopped else { return finish("it runs already") }
        let crashed = postgres.clusterState == "in production"
        let takes = duration(.ms(100), crashed ? .s(8) : .s(1))
        startingSince = host.clock
        // Under guard before it accepts connections: an agent that hangs from here on must not leave it alone.
        let arm = { [weak self] in
            guard let self, mode == .primary else { return }
            if let deadline = leadDeadline ?? (settings.isPaused ? nil : host.clock) { armGuard(deadline) {} }
        }
        let ready = { [weak self] (isUp: Bool) in
            guard let self else { return }
            run { [weak self] in
                if isUp { self?.crashedAt = nil }
                finish(isUp ? nil : "the server gave up starting")
            }
        }
        switch mode {
        case .primary: postgres.start(asStandby: false, upstream: nil, takes: takes, then: ready)
            arm()
        case .standby(let source):
            let index = source.flatMap { world.host($0.name)?.index }
            postgres.start(asStandby: true, upstream: index, takes: takes, then: ready)
        }
    }

    private func stopFast(_ finish: @escaping Ending) {
        guard postgres.process != .stopped else { return stopped(finish) }
        isStopping = true
        stoppingSince = host.clock
        let pid = postgres.pid
        postgres.signalInt(takes: duration(.ms(20), .s(1)))
        after(.s(300)) { [weak self] in self?.postgres.signalQuit(pid) }
        after(.s(302)) { [weak self] in self?.postgres.signalKill(pid) }
        awaitEnd(pid, until: world.now + .s(310), finish)
    }

    private func stopAtOnce(_ finish: @escaping Ending) {
        guard postgres.process != .stopped else { return stopped(finish) }
        isStopping = true
        stoppingSince = host.clock
        let pid = postgres.pid
        postgres.signalQuit(pid, withChildren: true)
        after(.s(5)) { [weak self] in
            guard let self, postgres.pid == pid else { return }
            postgres.signalKill(pid)
        }
        awaitEnd(pid, until: world.now + .s(10), finish)
    }

    private func awaitEnd(_ pid: Int32, until limit: Span, _ finish: @escaping Ending) {
        guard !isCancelled else { return }
        if postgres.process == .stopped || postgres.pid != pid { return stopped(finish) }
        if world.now >= limit { return finish("the postmaster survives SIGKILL") }
        after(.ms(10)) { [weak self] in self?.awaitEnd(pid, until: limit, finish) }
    }

    private func stopped(_ finish: @escaping Ending) {
        disarmGuard()
        finish(nil)
    }

    /// Stops and starts in the role that it has.
    private func restart(_ finish: @escaping Ending) {
        let mode: StartMode = postgres.isRecovery ? .standby(nil) : .primary
        stopFast { [weak self] failure in
            if let failure { return finish(failure) }
            self?.startServer(mode, finish)
        }
    }

    // MARK: Promotion

    private func promote(_ finish: @escaping Ending) {
        guard case .held(_, let deadline) = lastLease else { return signalPromote(finish) }
        armGuard(deadline) { [weak self] in self?.signalPromote(finish) }
    }

    private func signalPromote(_ finish: @escaping Ending) {
        guard !isCancelled else { return }
        guard postgres.isUp, postgres.answers else { return finish("no connection") }
        guard postgres.isRecovery else { return promoted(finish) }
        let pid = postgres.pid
        // The server goes on with it, whatever becomes of the agent.
        postgres.promote(takes: duration(.ms(10), .ms(400)))
        awaitPromotion(pid, until: world.now + .s(60), finish)
    }

    private func awaitPromotion(_ pid: Int32, until limit: Span, _ finish: @escaping Ending) {
        guard !isCancelled else { return }
        guard postgres.pid == pid, postgres.isUp else { return finish("the server ended") }
        if !postgres.isRecovery { return promoted(finish) }
        if world.now >= limit { return finish("the promotion has not ended yet") }
        after(.ms(5)) { [weak self] in self?.awaitPromotion(pid, until: limit, finish) }
    }

    private func promoted(_ finish: @escaping Ending) {
        checkpointPending = true
        ring()
        after(.ms(1)) { [weak self] in
            guard let self else { return }
            server = observedNow
            postHistory()
            finish(nil)
            let pid = postgres.pid
            after(duration(.ms(20), .s(3))) { [weak self] in
                guard let self else { return }
                if postgres.pid == pid { postgres.checkpoint() }
                checkpointPending = false
                ring()
            }
        }
    }

    private var history: [HistoryEntry] {
        let known = view?.history ?? []
        return postgres.log.branch.path.dropFirst().map { branch in
            let entry = HistoryEntry(
                timeline: Timeline(branch.number - 1), lsn: LSN(rawValue: branch.start), reason: "", newLeader: me)
            return known.first { $0.timeline == entry.timeline && $0.lsn == entry.lsn } ?? entry
        }
    }

    /// The store learns how this primary came to its timeline, whenever it does not show it.
    func postHistory() {
        guard postgres.isUp, !postgres.isRecovery else { return }
        let entries = history
        let known = view?.history ?? []
        guard entries.last?.timeline != known.last?.timeline || entries.last?.lsn != known.last?.lsn else { return }
        post(.history) { [weak self] in self?.store.writeHistory(entries, $0) }
    }

    // MARK: Coming back

    private func rewind(from source: Upstream, _ finish: @escaping Ending) {
        let work = { [weak self] in
            guard let self else { return }
            after(duration(.ms(500), .s(5))) { [weak self] in
                guard let self, !isCancelled else { return }
                guard let other = reachable(source), !postgres.isBroken else { return finish("pg_rewind failed") }
                guard world.random.chance(950) else {
                    if world.random.chance(300) { postgres.breakRewind() }
                    return finish("pg_rewind failed in the middle")
                }
                postgres.recoverAlone()
                // pg_rewind compares the numbers of the timelines only.
                if postgres.log.branch.number == other.postgres.log.branch.number { return finish(nil) }
                postgres.rewind(to: other.postgres)
                finish(nil)
            }
        }
        if postgres.process == .stopped { return work() }
        stopFast { _ in work() }
    }

    private func clone(from source: Upstream, _ finish: @escaping Ending) {
        let work = { [weak self] in
            guard let self else { return }
            after(duration(.s(1), .s(10))) { [weak self] in
                guard let self, !isCancelled else { return }
                guard let other = reachable(source) else { return finish("pg_basebackup failed") }
                postgres.copy(from: other.postgres)
                finish(nil)
            }
        }
        if postgres.process == .stopped { return work() }
        stopFast { _ in work() }
    }

    /// The server there, when it runs and can be reached both ways.
    private func reachable(_ upstream: Upstream) -> Host? {
        guard let other = world.host(upstream.name), other.isUp, !other.isFrozen, other.postgres.isUp,
            other.postgres.answers, world.network.isOpen(.host(host.index), .host(other.index)),
            world.network.isOpen(.host(other.index), .host(host.index))
        else { return nil }
        return other
    }
}
