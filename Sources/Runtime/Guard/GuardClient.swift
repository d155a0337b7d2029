import Glibc
import Kernel
import Timekeeping

/// The agent's end of the guard. Safe to use from several tasks; each call has its own deadline.
public actor GuardClient {
    /// How to start a guard when none answers.
    public struct Program: Equatable, Sendable {
        public var path: String
        /// Where its few lines go: in memory (/run) if possible.
        public var logFile: String
        public var grace: Duration

        public init(path: String, logFile: String, grace: Duration = .milliseconds(200)) {
            self.path = path
            self.logFile = logFile
            self.grace = grace
        }
    }

    private let socket: String
    private let clock: any BootTimeClock
    private var link: GuardLink?
    private var waiting: [Int64: CheckedContinuation<GuardReply, any Error>] = [:]
    private var sequence: Int64 = 0
    private let lossEvents: AsyncStream<Void>.Continuation

    /// One element each time a guard that answered is gone; the agent then calls `ensureRunning` and arms again.
    public nonisolated let losses: AsyncStream<Void>

    public init(socket: String, clock: any BootTimeClock = BootClock()) {
        self.socket = socket
        self.clock = clock
        (losses, lossEvents) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Connects to the guard that runs, or starts one.
    @discardableResult
    public func ensureRunning(_ program: Program, by deadline: BootInstant) async throws -> GuardStatus {
        if let status = try? await status(by: deadline) { return status }
        try start(program)
        while true {
            do {
                return try await status(by: deadline)
            } catch let error as GuardError where error.code == .absent && clock.now < deadline {
                // It is starting: its socket is the sign, and there is no event for that.
                try await clock.sleep(until: min(deadline, clock.now + .milliseconds(2)), tolerance: nil)
            }
        }
    }

    /// Puts a postmaster under guard. A connection that arms takes the guard over from any other.
    @discardableResult
    public func arm(
        _ process: ProcessIdentity, until: BootInstant, by deadline: BootInstant
    ) async throws -> GuardStatus {
        try await ask(.arm(process, deadline: until), by: deadline)
    }

    /// Moves the guard's deadline, forward or back.
    @discardableResult
    public func extend(until: BootInstant, by deadline: BootInstant) async throws -> GuardStatus {
        try await ask(.extend(deadline: until), by: deadline)
    }

    @discardableResult
    public func disarm(by deadline: BootInstant) async throws -> GuardStatus { try await ask(.disarm, by: deadline) }

    public func status(by deadline: BootInstant) async throws -> GuardStatus { try await ask(.status, by: deadline) }

    /// Ends a guard that guards nothing.
    public func quit(by deadline: BootInstant) async throws { _ = try await ask(.quit, by: deadline) }

    /// Closes the connection; the guard goes on.
    public func disconnect() {
        link?.close()
        lose(link)
    }

    private func start(_ program: Program) throws {
        let options = GuardOptions(socket: socket, grace: program.grace)
        let process = DetachedProcess(
            path: program.path, arguments: options.arguments, environment: ["LC_ALL": "C"], workingDirectory: "/",
            logFile: program.logFile)
        do {
            _ = try process.start()
        } catch {
            throw GuardError(.cannotStart, "the guard cannot be started: \(error)")
        }
    }

    private func ask(_ request: GuardRequest, by deadline: BootInstant) async throws -> GuardStatus {
        let link = try connected()
        sequence += 1
        let number = sequence
        let reply: GuardReply
        do {
            reply = try await withDeadline(deadline, on: clock, waitingFor: "the guard's answer") {
                try await self.exchange(request, number, link)
            }
        } catch is DeadlineExceeded {
            throw GuardError(.deadline, "the guard on \(socket) did not answer in time")
        }
        if let refusal = reply.refusal {
            throw GuardError(.refused(refusal), "the guard refused: \(refusal)")
        }
        return reply.status
    }

    private func exchange(_ request: GuardRequest, _ number: Int64, _ link: GuardLink) async throws -> GuardReply {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard !Task.isCancelled else { return continuation.resume(throwing: CancellationError()) }
                waiting[number] = continuation
                if !link.send(request.encoded(sequence: number)) { lose(link) }
            }
        } onCancel: {
            Task { await self.abandon(number) }
        }
    }

    private func abandon(_ number: Int64) {
        waiting.removeValue(forKey: number)?.resume(throwing: CancellationError())
    }

    private func connected() throws -> GuardLink {
        if let link { return link }
        let made: GuardLink
        do {
            made = GuardLink(try GuardSocket.connect(to: socket))
        } catch {
            throw GuardError(.absent, "no guard answers: \(error)")
        }
        link = made
        Task { [weak self] in
            while let bytes = await made.next() { await self?.received(bytes, made) }
            await self?.lose(made)
        }
        return made
    }

    private func received(_ bytes: [UInt8], _ link: GuardLink) {
        guard let reply = GuardReply.decoded(bytes) else { return lose(link) }
        waiting.removeValue(forKey: reply.sequence)?.resume(returning: reply)
    }

    private func lose(_ lost: GuardLink?) {
        guard let lost, lost === link else { return }
        link = nil
        lost.close()
        let left = waiting
        waiting = [:]
        for continuation in left.values {
            continuation.resume(throwing: GuardError(.absent, "the guard on \(socket) is gone"))
        }
        lossEvents.yield()
    }
}

/// The connected socket. It is closed when the last user lets go of it; `close` shuts it down at once.
private final class GuardLink: Sendable {
    private let fileDescriptor: Int32

    init(_ fileDescriptor: Int32) { self.fileDescriptor = fileDescriptor }

    deinit { Glibc.close(fileDescriptor) }

    func close() { shutdown(fileDescriptor, Int32(SHUT_RDWR)) }

    func send(_ packet: [UInt8]) -> Bool { GuardSocket.send(packet, on: fileDescriptor) }

    /// The next packet; nil at the end.
    func next() async -> [UInt8]? {
        while true {
            switch GuardSocket.receive(on: fileDescriptor) {
            case .packet(let bytes): return bytes
            case .closed: return nil
            case .nothing:
                guard (try? await readable(fileDescriptor)) != nil else { return nil }
            }
        }
    }
}
