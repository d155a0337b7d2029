import CKernel
import Glibc
import Kernel
import Timekeeping

/// The guard process: one thread, one poll(2), the machine's actions carried out. It never waits for anything else.
public struct GuardProcess {
    private var machine: GuardMachine
    private let listener: Int32
    private let timer: BootTimer
    private let lock: Int32
    private let options: GuardOptions
    private var fencing: Fencing?
    private var connections: [GuardMachine.Connection: Int32] = [:]
    private var nextConnection = 1
    private var isLeaving = false
    /// Kept until nothing urgent is under way: a log on a hung disk must not stand before SIGKILL.
    private var unwritten: [String] = []
    private static let connectionLimit = 16

    /// Takes the lock and listens.
    /// - Throws: EWOULDBLOCK when another guard holds the socket.
    public init(_ options: GuardOptions) throws(KernelError) {
        self.options = options
        lock = try Self.takeLock(options.pidFile)
        timer = try BootTimer()
        listener = try GuardSocket.listen(on: options.socket)
        machine = GuardMachine(grace: options.grace)
        Fencing.rehearse()
        let locked = ck_lock_memory()
        note("guard \(getpid()) ready on \(options.socket), memory \(locked == 0 ? "locked" : "not locked")")
    }

    /// Serves until it is told to leave.
    public mutating func run() {
        while !isLeaving {
            writeNotes()
            wait()
        }
        unlink(options.socket)
        writeNotes()
    }

    private mutating func wait() {
        var watched = [
            pollfd(fd: timer.fileDescriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: fencing?.postmaster.fileDescriptor ?? -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: connections.count < Self.connectionLimit ? listener : -1, events: Int16(POLLIN), revents: 0),
        ]
        let open = connections.sorted { $0.key < $1.key }
        watched += open.map { pollfd(fd: $0.value, events: Int16(POLLIN), revents: 0) }
        guard poll(&watched, nfds_t(watched.count), -1) > 0 else { return }
        if watched[1].revents != 0, let postmaster = fencing?.postmaster.identity { handle(.exited(postmaster)) }
        // Always, not only when the timer has fired: the deadline comes before what the sockets say.
        handle(.timer)
        for (index, connection) in open.enumerated() where watched[3 + index].revents != 0 {
            receive(from: connection.key, on: connection.value)
        }
        if watched[2].revents != 0, let fd = GuardSocket.accept(on: listener) {
            connections[nextConnection] = fd
            nextConnection += 1
        }
    }

    private mutating func receive(from connection: GuardMachine.Connection, on fd: Int32) {
        switch GuardSocket.receive(on: fd) {
        case .nothing: break
        case .closed: drop(connection)
        case .packet(let bytes):
            guard let (request, sequence) = GuardRequest.decoded(bytes) else { return drop(connection) }
            switch request {
            case .arm(let process, let deadline): arm(process, deadline, connection, sequence)
            case .extend(let deadline): handle(.extend(deadline: deadline, from: connection), sequence)
            case .disarm: handle(.disarm(from: connection), sequence)
            case .status: handle(.status(from: connection), sequence)
            case .quit: handle(.quit(from: connection), sequence)
            }
        }
    }

    private mutating func arm(
        _ process: ProcessIdentity, _ deadline: BootInstant, _ connection: Int, _ sequence: Int64
    ) {
        let isRunning = process.isRunning
        handle(.arm(process, deadline: deadline, isRunning: isRunning, from: connection), sequence)
    }

    private mutating func drop(_ connection: GuardMachine.Connection) {
        if let fd = connections.removeValue(forKey: connection) { close(fd) }
        handle(.closed(connection))
    }

    private mutating func handle(_ event: GuardMachine.Event, _ sequence: Int64 = 0) {
        let before = machine.state
        for action in machine.handle(event, at: BootClock().now) { carryOut(action, sequence) }
        noteChange(from: before)
    }

    private mutating func carryOut(_ action: GuardMachine.Action, _ sequence: Int64) {
        switch action {
        case .watch(let process): watch(process)
        case .unwatch: fencing = nil
        case .timer(let instant): timer.set(instant)
        case .quit: fencing?.quit()
        case .kill: fencing?.kill()
        case .sweep: fencing?.sweep()
        case .leave: isLeaving = true
        case .answer(let connection, let refusal):
            let status = GuardStatus(state: machine.state, lastFence: machine.lastFence, guardPID: getpid())
            let reply = GuardReply(sequence: sequence, refusal: refusal, status: status)
            if let fd = connections[connection], !GuardSocket.send(reply.encoded(), on: fd) { drop(connection) }
        }
    }

    private mutating func watch(_ process: ProcessIdentity) {
        if fencing?.postmaster.identity == process { return }
        do {
            fencing = try Fencing(process)
        } catch {
            // It ended between the question and the open.
            fencing = nil
            handle(.exited(process))
        }
    }
}

extension GuardProcess {
    /// One guard for one socket: an flock(2) held for life, which a dead guard cannot leave behind.
    private static func takeLock(_ path: String) throws(KernelError) -> Int32 {
        let fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard fd >= 0 else { throw KernelError("open \(path)", errno: errno) }
        guard flock(fd, LOCK_EX | LOCK_NB) == 0 else {
            let error = errno
            close(fd)
            throw KernelError("lock \(path), held by another guard", errno: error)
        }
        let text = Array("\(getpid())\n".utf8)
        ftruncate(fd, 0)
        _ = pwrite(fd, text, text.count, 0)
        return fd
    }

    private mutating func noteChange(from before: GuardMachine.State) {
        guard machine.state != before else { return }
        switch (before, machine.state) {
        case (.armed(let a, _), .armed(let b, _)) where a == b: break
        case (_, .armed(let process, let deadline)):
            note("armed for \(process) until \(deadline.nanoseconds)")
        case (.fencing(let process, _), .disarmed):
            note("\(process) is gone, \(machine.lastFence.map { gone($0) } ?? "")")
        case (_, .disarmed): note("disarmed")
        case (.armed, .fencing(let process, .some)):
            note("the deadline has passed: SIGQUIT to \(process) and its children")
        case (_, .fencing(let process, _)): note("SIGKILL to \(process) and what is left of it")
        }
    }

    private func gone(_ fence: GuardMachine.Fence) -> String {
        let taken = (fence.ended ?? fence.began) - fence.began
        return "\(taken.wholeNanoseconds / 1_000_000) ms after the deadline was acted on"
    }

    /// A line of the log: nanoseconds since boot and what happened.
    private mutating func note(_ text: String) {
        unwritten.append("\(BootClock().now.nanoseconds) \(text)\n")
    }

    private mutating func writeNotes() {
        if case .fencing = machine.state { return }
        for line in unwritten {
            let bytes = Array(line.utf8)
            _ = write(1, bytes, bytes.count)
        }
        unwritten = []
    }
}

/// The whole program: returns its exit status. 2: wrong usage. 3: another guard holds the socket. 1: other errors.
public func runGuard(arguments: [String]) -> Int32 {
    func complain(_ text: String) {
        let bytes = Array("pgadopt-guard: \(text)\n".utf8)
        _ = write(2, bytes, bytes.count)
    }
    // A container's first process that is not an agent: `pgadopt-guard --init PROGRAM [ARGUMENT ...]`.
    if arguments.count > 1, arguments[0] == "--init" {
        return InitProcess.run(arguments[1], Array(arguments.dropFirst(2)))
    }
    guard let options = GuardOptions(arguments: arguments) else {
        complain(GuardOptions.usage)
        return 2
    }
    signal(SIGPIPE, SIG_IGN)
    signal(SIGHUP, SIG_IGN)
    do {
        var process = try GuardProcess(options)
        process.run()
        return 0
    } catch {
        complain("\(error)")
        return error.errno == EWOULDBLOCK ? 3 : 1
    }
}
