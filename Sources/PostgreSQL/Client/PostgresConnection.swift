import CLibPQ
import Kernel
import Timekeeping

/// One connection to PostgreSQL by libpq. Statements run one after the other in the order they were asked for;
/// no call blocks a thread of the cooperative pool, and every call ends by its deadline.
///
/// When a statement's deadline comes or its task is cancelled, the server is asked to cancel it; the connection
/// stays usable if the server obeys within `cancelGrace`, else it is closed.
public actor PostgresConnection {
    /// How long a server may take to confirm a cancellation.
    public static let cancelGrace = Duration.milliseconds(500)

    private var handle: LibPQHandle?
    private let clock: any BootTimeClock
    /// The end of the last statement asked for.
    private var tail: Task<Void, Never>?

    private init(_ handle: LibPQHandle, clock: any BootTimeClock) {
        self.handle = handle
        self.clock = clock
    }

    /// Connects and logs in.
    /// - Parameters:
    ///   - settings: libpq's connection keywords (`host`, `port`, `user`, `passfile`, `replication`, ...).
    ///   - deadline: for name resolution, connecting and login together.
    /// - Throws: `PostgresError` with `cannotConnect` or `deadline`; CancellationError.
    public static func connect(
        _ settings: [String: String], by deadline: BootInstant, clock: any BootTimeClock = BootClock()
    ) async throws -> PostgresConnection {
        do {
            return try await withDeadline(deadline, on: clock, waitingFor: "a connection") {
                let handle = LibPQHandle(try await resolved(settings), secret: settings["password"])
                let connection = PostgresConnection(handle, clock: clock)
                try await connection.login()
                return connection
            }
        } catch is DeadlineExceeded {
            let place = settings["host"].map { " to \($0)" } ?? ""
            throw PostgresError(.deadline, "the connection\(place) was not established in time")
        }
    }

    /// False once the connection is broken or closed.
    public var isOpen: Bool { handle.map { PQstatus($0.pointer) == CONNECTION_OK } ?? false }

    /// The server's process for this connection; nil when closed.
    public var backendPID: Int32? { handle.map { PQbackendPID($0.pointer) } }

    /// A parameter the server reports by itself (`server_version`, `in_hot_standby`, ...).
    public func parameter(_ name: String) -> String? {
        handle.flatMap { PQparameterStatus($0.pointer, name) }.map { String(cString: $0) }
    }

    /// `server_version_num`, 0 when closed.
    public var serverVersion: Int { handle.map { Int(PQserverVersion($0.pointer)) } ?? 0 }

    /// Runs one statement. Without parameters it goes by the simple protocol, as walsender's commands need; several
    /// statements in one text then run in one transaction, and the last one's rows are returned.
    /// - Parameter parameters: values for `$1`, ... as text; nil is NULL.
    public func query(
        _ sql: String, _ parameters: [String?] = [], by deadline: BootInstant
    ) async throws -> QueryResult {
        let earlier = tail
        let statement = Task {
            await earlier?.value
            return try await self.run(sql, parameters, by: deadline)
        }
        tail = Task { _ = await statement.result }
        return try await withTaskCancellationHandler {
            try await statement.value
        } onCancel: {
            statement.cancel()
        }
    }

    /// Closes the connection; a statement under way fails.
    public func close() { handle = nil }

    private func run(_ sql: String, _ parameters: [String?], by deadline: BootInstant) async throws -> QueryResult {
        guard let handle else { throw PostgresError(.connectionLost, "the connection is closed") }
        try Task.checkCancellation()
        guard clock.now < deadline else { throw PostgresError(.deadline, "no time was left for the statement") }
        do {
            return try await withDeadline(deadline, on: clock, waitingFor: "the statement") {
                try await self.exchange(sql, parameters, on: handle)
            }
        } catch is DeadlineExceeded {
            await recover(handle)
            throw PostgresError(.deadline, "the statement did not end in time and was cancelled")
        } catch is CancellationError {
            await recover(handle)
            throw CancellationError()
        } catch {
            if PQstatus(handle.pointer) != CONNECTION_OK { self.handle = nil }
            throw error
        }
    }

    private func login() async throws {
        guard let handle else { return }
        guard PQstatus(handle.pointer) != CONNECTION_BAD else { throw handle.connectError }
        var step = PGRES_POLLING_WRITING
        while true {
            // The socket may change from one step to the next (several addresses).
            let socket = PQsocket(handle.pointer)
            switch step {
            case PGRES_POLLING_READING: try await readable(socket)
            case PGRES_POLLING_WRITING: try await writable(socket)
            case PGRES_POLLING_OK:
                guard PQsetnonblocking(handle.pointer, 1) == 0 else { throw handle.connectError }
                return
            default: throw handle.connectError
            }
            step = PQconnectPoll(handle.pointer)
        }
    }

    private func exchange(
        _ sql: String, _ parameters: [String?], on handle: LibPQHandle
    ) async throws -> QueryResult {
        guard handle.send(sql, parameters) else { throw handle.lost() }
        try await flush(handle)
        var last: Result<QueryResult, PostgresError>?
        while let result = try await next(on: handle) {
            // An error is the outcome, whatever follows it.
            if case .failure = last { continue }
            last = result
        }
        guard let last else { throw handle.lost() }
        return try last.get()
    }

    private func flush(_ handle: LibPQHandle) async throws {
        while true {
            let state = PQflush(handle.pointer)
            if state == 0 { return }
            guard state > 0 else { throw handle.lost() }
            // The server may have to get rid of output before it reads on.
            try await readableOrWritable(PQsocket(handle.pointer))
            guard PQconsumeInput(handle.pointer) == 1 else { throw handle.lost() }
        }
    }

    /// The next result of the statement; nil when it is complete.
    private func next(on handle: LibPQHandle) async throws -> Result<QueryResult, PostgresError>? {
        while PQisBusy(handle.pointer) == 1 {
            try await readable(PQsocket(handle.pointer))
            guard PQconsumeInput(handle.pointer) == 1 else { throw handle.lost() }
        }
        guard let result = PQgetResult(handle.pointer) else { return nil }
        defer { PQclear(result) }
        return try handle.decoded(result)
    }

    /// After a cancelled statement: asks the server to give it up and reads what is left, so that the connection can
    /// be used again. Runs in a task of its own, because ours may be cancelled.
    private func recover(_ handle: LibPQHandle) async {
        let deadline = clock.now + Self.cancelGrace
        let clock = clock
        let recovery = Task.detached {
            try await withDeadline(deadline, on: clock, waitingFor: "the cancellation") {
                if let cancel = await self.cancelRequest(handle) { _ = try await onOwnThread { cancel.send() } }
                try await self.drain(handle)
            }
        }
        do { try await recovery.value } catch { self.handle = nil }
    }

    private func cancelRequest(_ handle: LibPQHandle) -> CancelRequest? { CancelRequest(handle) }

    private func drain(_ handle: LibPQHandle) async throws {
        try await flush(handle)
        while true {
            do {
                if try await next(on: handle) == nil { return }
            } catch let error as PostgresError where error.code == .unsupported {
                // A COPY cannot be drained.
                throw error
            }
        }
    }
}

/// Waits until either is true.
private func readableOrWritable(_ socket: Int32) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await readable(socket) }
        group.addTask { try await writable(socket) }
        try await group.next()
        group.cancelAll()
    }
}
