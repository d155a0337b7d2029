import Kernel
import Timekeeping

/// What the guard does, as a value: no I/O and no clock. The process around it carries the actions out.
///
/// Two rules stand above all: a deadline that has passed is acted on before anything else that happened meanwhile
/// (an extension that waited in the socket of a frozen host comes too late), and only the connection that armed
/// or took over last may move or lift the deadline while it is open.
public struct GuardMachine: Equatable, Sendable {
    public enum State: Equatable, Sendable {
        case disarmed
        case armed(ProcessIdentity, deadline: BootInstant)
        /// SIGQUIT is out; at `killAt` what is left gets SIGKILL. Nil: that is done as well, only the end is awaited.
        case fencing(ProcessIdentity, killAt: BootInstant?)
    }

    /// The last time this guard stopped a postmaster.
    public struct Fence: Equatable, Sendable {
        public var process: ProcessIdentity
        /// When SIGQUIT went out.
        public var began: BootInstant
        /// When the postmaster was gone; nil while it is still there.
        public var ended: BootInstant?

        public init(process: ProcessIdentity, began: BootInstant, ended: BootInstant? = nil) {
            self.process = process
            self.began = began
            self.ended = ended
        }
    }

    /// Tells connections of agents apart; never reused.
    public typealias Connection = Int

    public enum Event: Equatable, Sendable {
        /// - isRunning: whether the process could be opened by pidfd.
        case arm(ProcessIdentity, deadline: BootInstant, isRunning: Bool, from: Connection)
        case extend(deadline: BootInstant, from: Connection)
        case disarm(from: Connection)
        case status(from: Connection)
        case quit(from: Connection)
        case closed(Connection)
        case timer
        case exited(ProcessIdentity)
    }

    public enum Refusal: Int64, Error, Equatable, Sendable {
        case notRunning = 1
        case notArmed = 2
        case fencing = 3
        case notOwner = 4
        case armed = 5
    }

    public enum Action: Equatable, Sendable {
        /// Watch this postmaster for its end.
        case watch(ProcessIdentity)
        case unwatch
        /// Wake at this moment; nil: never.
        case timer(BootInstant?)
        /// SIGQUIT to the postmaster and its children.
        case quit(ProcessIdentity)
        /// SIGKILL to the postmaster and everything left of it.
        case kill(ProcessIdentity)
        /// The postmaster is gone: SIGKILL to what it left behind.
        case sweep(ProcessIdentity)
        /// Answer the connection: accepted (nil) or why not.
        case answer(Connection, Refusal?)
        /// Leave.
        case leave
    }

    public private(set) var state: State = .disarmed
    public private(set) var lastFence: Fence?
    public private(set) var owner: Connection?
    /// From SIGQUIT to SIGKILL.
    public let grace: Duration

    public init(grace: Duration) { self.grace = grace }

    public mutating func handle(_ event: Event, at now: BootInstant) -> [Action] {
        // A process that has ended needs no fence; everything else comes after an overdue deadline.
        if case .exited(let process) = event { return exited(process, at: now) }
        return fenceIfDue(at: now) + respond(to: event, at: now)
    }

    private mutating func respond(to event: Event, at now: BootInstant) -> [Action] {
        switch event {
        case .timer: return []
        case .exited(let process): return exited(process, at: now)
        case .closed(let connection):
            if owner == connection { owner = nil }
            return []
        case .status(let connection): return [.answer(connection, nil)]
        case .arm(let process, let deadline, let isRunning, let connection):
            return arm(process, deadline: deadline, isRunning: isRunning, from: connection, at: now)
        case .extend(let deadline, let connection): return extend(to: deadline, from: connection, at: now)
        case .disarm(let connection): return disarm(from: connection)
        case .quit(let connection):
            guard state == .disarmed else { return [.answer(connection, .armed)] }
            return [.answer(connection, nil), .leave]
        }
    }

    private mutating func arm(
        _ process: ProcessIdentity, deadline: BootInstant, isRunning: Bool, from connection: Connection,
        at now: BootInstant
    ) -> [Action] {
        if case .fencing = state { return [.answer(connection, .fencing)] }
        guard isRunning else { return [.answer(connection, .notRunning)] }
        owner = connection
        state = .armed(process, deadline: deadline)
        return [.watch(process), .timer(deadline)] + fenceIfDue(at: now) + [.answer(connection, nil)]
    }

    private mutating func extend(
        to deadline: BootInstant, from connection: Connection, at now: BootInstant
    ) -> [Action] {
        switch state {
        case .disarmed: return [.answer(connection, .notArmed)]
        case .fencing: return [.answer(connection, .fencing)]
        case .armed(let process, _):
            guard owner == nil || owner == connection else { return [.answer(connection, .notOwner)] }
            owner = connection
            state = .armed(process, deadline: deadline)
            return [.timer(deadline)] + fenceIfDue(at: now) + [.answer(connection, nil)]
        }
    }

    private mutating func disarm(from connection: Connection) -> [Action] {
        switch state {
        case .disarmed: return [.answer(connection, nil)]
        case .fencing: return [.answer(connection, .fencing)]
        case .armed:
            guard owner == nil || owner == connection else { return [.answer(connection, .notOwner)] }
            owner = connection
            state = .disarmed
            return [.unwatch, .timer(nil), .answer(connection, nil)]
        }
    }

    private mutating func exited(_ process: ProcessIdentity, at now: BootInstant) -> [Action] {
        switch state {
        case .armed(process, _): break
        case .fencing(process, _): lastFence?.ended = now
        default: return []
        }
        state = .disarmed
        return [.sweep(process), .unwatch, .timer(nil)]
    }

    private mutating func fenceIfDue(at now: BootInstant) -> [Action] {
        switch state {
        case .armed(let process, let deadline) where now >= deadline:
            lastFence = Fence(process: process, began: now)
            state = .fencing(process, killAt: now + grace)
            return [.quit(process), .timer(now + grace)]
        case .fencing(let process, let killAt?) where now >= killAt:
            state = .fencing(process, killAt: nil)
            return [.kill(process), .timer(nil)]
        case .disarmed, .armed, .fencing: return []
        }
    }
}
