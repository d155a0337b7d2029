import Kernel
import Testing
import Timekeeping

@testable import Guard

private let postmaster = ProcessIdentity(pid: 100, startTicks: 7)

private func at(_ seconds: Double) -> BootInstant { BootInstant(nanoseconds: Int64(seconds * 1e9)) }

private func armed(until: Double, by connection: Int = 1) -> GuardMachine {
    var machine = GuardMachine(grace: .milliseconds(200))
    _ = machine.handle(.arm(postmaster, deadline: at(until), isRunning: true, from: connection), at: at(0))
    return machine
}

@Suite struct GuardMachineTests {
    @Test func armingWatchesThePostmasterAndSetsTheTimer() {
        var machine = GuardMachine(grace: .milliseconds(200))
        let actions = machine.handle(.arm(postmaster, deadline: at(10), isRunning: true, from: 1), at: at(0))
        #expect(actions == [.watch(postmaster), .timer(at(10)), .answer(1, nil)])
        #expect(machine.state == .armed(postmaster, deadline: at(10)))
    }

    @Test func aPostmasterThatDoesNotRunCannotBeGuarded() {
        var machine = GuardMachine(grace: .zero)
        let actions = machine.handle(.arm(postmaster, deadline: at(10), isRunning: false, from: 1), at: at(0))
        #expect(actions == [.answer(1, .notRunning)])
        #expect(machine.state == .disarmed)
    }

    @Test func thePassedDeadlineQuitsThenKills() {
        var machine = armed(until: 10)
        #expect(machine.handle(.timer, at: at(9.9)) == [])
        #expect(machine.handle(.timer, at: at(10)) == [.quit(postmaster), .timer(at(10.2))])
        #expect(machine.handle(.timer, at: at(10.1)) == [])
        #expect(machine.handle(.timer, at: at(10.2)) == [.kill(postmaster), .timer(nil)])
        #expect(machine.handle(.timer, at: at(11)) == [])
        #expect(machine.handle(.exited(postmaster), at: at(11)) == [.sweep(postmaster), .unwatch, .timer(nil)])
        #expect(machine.lastFence == .init(process: postmaster, began: at(10), ended: at(11)))
        #expect(machine.state == .disarmed)
    }

    @Test func anExtensionMovesTheDeadline() {
        var machine = armed(until: 10)
        #expect(machine.handle(.extend(deadline: at(20), from: 1), at: at(9)) == [.timer(at(20)), .answer(1, nil)])
        #expect(machine.handle(.timer, at: at(15)) == [])
        #expect(machine.handle(.timer, at: at(20)).first == .quit(postmaster))
    }

    @Test func anExtensionThatComesAfterTheDeadlineIsTooLate() {
        var machine = armed(until: 10)
        let actions = machine.handle(.extend(deadline: at(20), from: 1), at: at(10.05))
        #expect(actions == [.quit(postmaster), .timer(at(10.25)), .answer(1, .fencing)])
    }

    @Test func aDisarmThatComesAfterTheDeadlineIsTooLate() {
        var machine = armed(until: 10)
        #expect(machine.handle(.disarm(from: 1), at: at(10)).first == .quit(postmaster))
    }

    @Test func armingWithAPassedDeadlineFencesAtOnce() {
        var machine = GuardMachine(grace: .milliseconds(200))
        let actions = machine.handle(.arm(postmaster, deadline: at(4), isRunning: true, from: 1), at: at(5))
        #expect(actions.contains(.quit(postmaster)))
    }

    @Test func onlyTheOwnerMovesTheDeadlineWhileItIsConnected() {
        var machine = armed(until: 10, by: 1)
        #expect(machine.handle(.extend(deadline: at(99), from: 2), at: at(1)) == [.answer(2, .notOwner)])
        #expect(machine.handle(.disarm(from: 2), at: at(1)) == [.answer(2, .notOwner)])
        #expect(machine.handle(.closed(1), at: at(2)) == [])
        #expect(machine.handle(.extend(deadline: at(12), from: 2), at: at(3)).last == .answer(2, nil))
        #expect(machine.owner == 2)
    }

    @Test func armingTakesTheGuardOverFromAnAgentThatHangs() {
        var machine = armed(until: 10, by: 1)
        _ = machine.handle(.arm(postmaster, deadline: at(12), isRunning: true, from: 2), at: at(1))
        #expect(machine.handle(.extend(deadline: at(99), from: 1), at: at(2)) == [.answer(1, .notOwner)])
        #expect(machine.state == .armed(postmaster, deadline: at(12)))
    }

    @Test func theAgentsDeathDoesNotDisarm() {
        var machine = armed(until: 10)
        _ = machine.handle(.closed(1), at: at(1))
        #expect(machine.handle(.timer, at: at(10)).first == .quit(postmaster))
    }

    @Test func aPostmasterThatEndsByItselfLeavesTheGuardReadyForTheNext() {
        var machine = armed(until: 10)
        #expect(machine.handle(.exited(postmaster), at: at(5)) == [.sweep(postmaster), .unwatch, .timer(nil)])
        #expect(machine.lastFence == nil)
        let next = ProcessIdentity(pid: 200, startTicks: 9)
        let actions = machine.handle(.arm(next, deadline: at(12), isRunning: true, from: 1), at: at(6))
        #expect(actions.first == .watch(next))
    }

    @Test func anArmedGuardDoesNotLeave() {
        var machine = armed(until: 10)
        #expect(machine.handle(.quit(from: 1), at: at(1)) == [.answer(1, .armed)])
        _ = machine.handle(.disarm(from: 1), at: at(1))
        #expect(machine.handle(.quit(from: 1), at: at(1)) == [.answer(1, nil), .leave])
    }
}

@Suite struct GuardMessageTests {
    @Test(arguments: [
        GuardRequest.arm(ProcessIdentity(pid: 4711, startTicks: .max), deadline: at(12.5)),
        .extend(deadline: at(99)), .disarm, .status, .quit,
    ])
    func requestsSurviveTheWire(request: GuardRequest) throws {
        let decoded = try #require(GuardRequest.decoded(request.encoded(sequence: 77)))
        #expect(decoded.0 == request)
        #expect(decoded.sequence == 77)
    }

    @Test(arguments: [
        GuardMachine.State.disarmed, .armed(postmaster, deadline: at(3)), .fencing(postmaster, killAt: at(4)),
        .fencing(postmaster, killAt: nil),
    ])
    func repliesSurviveTheWire(state: GuardMachine.State) throws {
        let fence = GuardMachine.Fence(process: postmaster, began: at(1), ended: at(2))
        let reply = GuardReply(
            sequence: 5, refusal: .notOwner, status: GuardStatus(state: state, lastFence: fence, guardPID: 9))
        #expect(GuardReply.decoded(reply.encoded()) == reply)
    }

    @Test func packetsOfAnotherVersionOrLengthAreNotRead() {
        var bytes = GuardRequest.status.encoded(sequence: 1)
        #expect(GuardRequest.decoded(bytes.dropLast()) == nil)
        bytes[0] = 2
        #expect(GuardRequest.decoded(bytes) == nil)
    }

    @Test func theCommandLineReadsBackAndRefusesTheRest() {
        let options = GuardOptions(socket: "/run/x.sock", grace: .milliseconds(350))
        #expect(GuardOptions(arguments: options.arguments) == options)
        #expect(GuardOptions(arguments: []) == nil)
        #expect(GuardOptions(arguments: ["--socket"]) == nil)
        #expect(GuardOptions(arguments: ["--socket", "/x", "--grace-ms", "x"]) == nil)
    }
}
