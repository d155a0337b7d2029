import Guard
import Kernel
import Timekeeping

/// The real guard's machine around a modelled postmaster.
final class ModelGuard {
    private var machine: GuardMachine
    private unowned let host: Host
    private var timer = 0
    var isAlive = true

    init(on host: Host) {
        self.host = host
        machine = GuardMachine(grace: .milliseconds(200))
    }

    var state: GuardMachine.State { machine.state }

    /// - Returns: nil when accepted.
    @discardableResult
    func handle(_ event: GuardMachine.Event) -> GuardMachine.Refusal? {
        var refusal: GuardMachine.Refusal?
        for action in machine.handle(event, at: host.clock) {
            if case .answer(_, let why) = action { refusal = why } else { carryOut(action) }
        }
        return refusal
    }

    func exited(_ pid: Int32) {
        guard isAlive else { return }
        handle(.exited(identity(pid)))
    }

    func closed(_ connection: Int) { handle(.closed(connection)) }

    func timerFired() {
        guard isAlive else { return }
        handle(.timer)
    }

    private func carryOut(_ action: GuardMachine.Action) {
        switch action {
        case .watch, .unwatch, .answer, .leave: break
        case .timer(let instant):
            timer += 1
            guard let instant else { return }
            let mine = timer
            let world = host.world
            let due = host.moment(instant) + world.random.between(.zero, .ms(5))
            host.after(max(due - world.now, .zero)) { [weak self] in
                guard let self, isAlive, timer == mine else { return }
                // A clock that stood still with the host: not yet.
                if host.clock < instant { carryOut(.timer(instant)) }
                handle(.timer)
            }
        case .quit(let process):
            host.world.note("\(host.name): guard fences process \(process.pid)")
            host.world.checker.fences += 1
            host.postgres.signalQuit(process.pid, withChildren: true)
        case .kill(let process), .sweep(let process): host.postgres.signalKill(process.pid)
        }
    }

    private func identity(_ pid: Int32) -> ProcessIdentity { ProcessIdentity(pid: pid, startTicks: UInt64(pid)) }
}
