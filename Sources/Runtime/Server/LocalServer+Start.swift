import Glibc
import HACore
import Kernel
import PostgresClient
import Timekeeping

extension LocalServer {
    /// Starts PostgreSQL directly, in a session of its own, and waits until it accepts connections.
    /// The options the owner started it with are carried over.
    /// - Throws: `ServerError`: `wrongState` when it runs, `programFailed` with the end of its log when it gave up,
    ///   `deadline` when it has not finished by then (it goes on starting).
    /// - Parameter spawned: called when the postmaster is there, before it accepts connections.
    public func start(
        _ mode: StartMode, by deadline: BootInstant, spawned: @Sendable () async -> Void = {}
    ) async throws {
        if let running = adopt() {
            throw ServerError(.wrongState, "PostgreSQL runs already (\(running))")
        }
        try await settle(by: deadline)
        try prepare(mode)
        let options = try await startOptions(mode, by: deadline)
        let logOffset = files.size(of: settings.logFile)
        startingSince = clock.now
        let process = DetachedProcess(
            path: settings.program("postgres"),
            arguments: ["-D", settings.dataDirectory] + settings.configArguments + options,
            environment: runner.environment, workingDirectory: settings.dataDirectory, logFile: settings.logFile,
            user: settings.user)
        log.info("starting PostgreSQL", metadata: ["as": "\(mode.words)"])
        do {
            watch(try ProcessHandle(process.start()))
        } catch {
            throw ServerError(.programFailed, "PostgreSQL did not start: \(error)\(logTail(from: logOffset))")
        }
        await spawned()
        try await waitUntilReady(logOffset: logOffset, by: deadline)
    }

    /// Stops PostgreSQL. Fast: clients are cut off, everything is written. When it takes longer than `deadline` it is
    /// stopped immediately, and two seconds later killed with all its children.
    /// - Throws: `CancellationError` when something more urgent takes its place: that goes on from where this was.
    public func stop(_ mode: StopMode, by deadline: BootInstant) async throws {
        guard adopt() != nil, let postmaster else { return }
        // Not before an immediate stop: the server has to be gone, whatever the operator's program would like.
        if mode == .fast { await hooks.beforeStop(by: min(deadline, clock.now + Self.beforeStopLimit)) }
        guard !postmaster.hasExited else { return ended(postmaster.identity) }
        isStopping = true
        stoppingSince = clock.now
        connection = nil
        log.info("stopping PostgreSQL", metadata: ["mode": "\(mode)", "pid": "\(postmaster.identity.pid)"])
        let steps: [(signal: Int32, until: BootInstant)] =
            switch mode {
            case .fast: [(SIGINT, deadline), (SIGQUIT, max(deadline, clock.now) + .seconds(2))]
            case .immediate: [(SIGQUIT, min(deadline, clock.now + .seconds(5)))]
            }
        for step in steps {
            // A postmaster that is frozen passes nothing on, and its clients' sessions would work on.
            let children = step.signal == SIGQUIT ? children(of: postmaster) : []
            try? postmaster.send(signal: step.signal)
            for child in children { try? child.send(signal: step.signal) }
            if await hasEnded(postmaster, by: step.until) { return ended(postmaster.identity) }
            try Task.checkCancellation()
            log.warning("PostgreSQL did not stop in time", metadata: ["signal": "\(step.signal)"])
        }
        killTree(of: postmaster)
        guard await hasEnded(postmaster, by: clock.now + .seconds(5)) else {
            try Task.checkCancellation()
            throw ServerError(
                .deadline, "\(postmaster.identity) survives SIGKILL: it hangs in the kernel, most likely on a disk")
        }
        ended(postmaster.identity)
    }

    /// For `before_stop`; the server is stopped then.
    static let beforeStopLimit = Duration.seconds(60)

    // MARK: parts

    /// Signal file and include file for the role to come.
    func prepare(_ mode: StartMode) throws {
        let directory = settings.dataDirectory
        guard files.exists("\(directory)/PG_VERSION") else {
            throw ServerError(.wrongState, "\(directory) holds no PostgreSQL data directory")
        }
        switch mode {
        case .primary:
            try files.remove("\(directory)/standby.signal")
            try writeInclude(for: nil)
        case .standby(let upstream?):
            try files.write("", to: "\(directory)/standby.signal")
            try writeInclude(for: upstream)
        case .standby(nil):
            // In a leaderless moment the upstream stays what it is.
            try files.write("", to: "\(directory)/standby.signal")
            try rewriteInclude { _ in }
        }
    }

    /// What the owner started PostgreSQL with, from postmaster.opts, without what we added.
    func ownersOptions() -> [String] {
        let text = (try? readSmallText("\(settings.dataDirectory)/postmaster.opts")) ?? ""
        return PostmasterOptions(parsingFile: text).carriedOver
    }

    /// The owner's options, then ours: the cluster's settings, and on a standby never less than what its log asks for.
    func startOptions(_ mode: StartMode, by deadline: BootInstant) async throws -> [String] {
        var ours = wanted?.commandLine ?? [:]
        if case .standby = mode {
            for (name, least) in try await raisedLimits(ours, by: deadline) { ours[name] = String(least) }
        }
        guard !ours.isEmpty else { return ownersOptions() }
        let marked = ["-c", PostmasterOptions.marker]
        return ownersOptions() + marked + ours.sorted { $0.key < $1.key }.flatMap { ["-c", "\($0.key)=\($0.value)"] }
    }

    /// A standby stops, or does not start, with less of these than its primary had when it wrote the log.
    private func raisedLimits(_ ours: [String: String], by deadline: BootInstant) async throws -> [String: Int] {
        let control = try await controlData(by: deadline).settings
        var raised: [String: Int] = [:]
        for (name, field) in ClusterParameters.standbyLimits {
            guard let least = control[field] else { continue }
            let configured: String
            if let value = ours[name] { configured = value } else { configured = try await configuredValue(of: name, by: deadline) }
            guard let value = Int(configured), value < least else { continue }
            log.warning("\(name) is \(value) here and \(least) on the primary: this standby starts with \(least)")
            raised[name] = least
        }
        return raised
    }

    /// PostgreSQL says in the last line of postmaster.pid that it accepts connections. Asking it by connecting would
    /// leave a FATAL line in its log for every time too early.
    private func waitUntilReady(logOffset: Int, by deadline: BootInstant) async throws {
        var failure: PostgresError?
        while true {
            guard let postmaster, !postmaster.hasExited else {
                throw ServerError(.programFailed, "PostgreSQL gave up starting\(logTail(from: logOffset))")
            }
            do {
                if isReady(postmaster) {
                    connection = try await connect(by: min(deadline, clock.now + .seconds(2)))
                    startingSince = nil
                    crashedAt = nil
                    return
                }
            } catch let error as PostgresError {
                failure = error
            }
            guard clock.now < deadline else {
                let reason = failure.map { ": \($0)" } ?? ""
                throw ServerError(.deadline, "PostgreSQL does not accept connections yet\(reason)")
            }
            // The file is rewritten in place, which no event tells; the server's end is seen above.
            try await clock.sleep(until: min(deadline, clock.now + .milliseconds(10)), tolerance: nil)
        }
    }

    /// The file of a predecessor that crashed may still say that it was.
    private func isReady(_ postmaster: ProcessHandle) -> Bool {
        guard let text = try? readSmallText("\(settings.dataDirectory)/postmaster.pid"),
            let file = PostmasterFile(parsing: text)
        else { return false }
        return file.pid == postmaster.identity.pid && file.status == .ready
    }

    private func hasEnded(_ process: ProcessHandle, by deadline: BootInstant) async -> Bool {
        _ = try? await withDeadline(deadline, on: clock, waitingFor: "the end of \(process.identity)") {
            try await process.exited()
        }
        return process.hasExited
    }

    private func killTree(of postmaster: ProcessHandle) {
        // Stopped first, so that no child is born between the look and the kill.
        try? postmaster.send(signal: SIGSTOP)
        let children = children(of: postmaster)
        try? postmaster.send(signal: SIGKILL)
        for child in children { try? child.send(signal: SIGKILL) }
    }

    private func children(of postmaster: ProcessHandle) -> [ProcessHandle] {
        ProcessTable.now().descendants(of: postmaster.identity.pid).compactMap { try? ProcessHandle($0) }
    }

    /// The last lines of the postmaster's output since `offset`, for error texts.
    private func logTail(from offset: Int) -> String {
        let lines = files.text(of: settings.logFile, from: offset).split(separator: "\n").suffix(3)
        return lines.isEmpty ? "" : "; it said: \(lines.joined(separator: "; "))"
    }
}

extension StartMode {
    /// For the log.
    fileprivate var words: String {
        switch self {
        case .primary: "primary"
        case .standby(let upstream): "standby of \(upstream?.name ?? "its present upstream")"
        }
    }
}
