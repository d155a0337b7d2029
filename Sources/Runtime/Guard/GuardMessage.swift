import Kernel
import Timekeeping

/// What the agent asks of the guard. One packet of eight 64-bit little-endian integers on a SOCK_SEQPACKET socket.
enum GuardRequest: Equatable, Sendable {
    case arm(ProcessIdentity, deadline: BootInstant)
    case extend(deadline: BootInstant)
    case disarm
    case status
    case quit

    static let words = 8
    /// "pgaguard" and the version of the wire format in the last byte.
    static let magic: Int64 = 0x7067_6167_7561_0001

    /// - Parameter sequence: comes back in the reply.
    func encoded(sequence: Int64) -> [UInt8] {
        switch self {
        case .arm(let process, let deadline):
            let ticks = Int64(bitPattern: process.startTicks)
            return packet([Self.magic, 1, sequence, Int64(process.pid), ticks, deadline.nanoseconds, 0, 0])
        case .extend(let deadline):
            return packet([Self.magic, 2, sequence, 0, 0, deadline.nanoseconds, 0, 0])
        case .disarm: return packet([Self.magic, 3, sequence, 0, 0, 0, 0, 0])
        case .status: return packet([Self.magic, 4, sequence, 0, 0, 0, 0, 0])
        case .quit: return packet([Self.magic, 5, sequence, 0, 0, 0, 0, 0])
        }
    }

    /// Nil for anything that is not one of our packets.
    static func decoded(_ bytes: some Collection<UInt8>) -> (GuardRequest, sequence: Int64)? {
        guard let w = integers(in: bytes, count: words), w[0] == magic else { return nil }
        let deadline = BootInstant(nanoseconds: w[5])
        switch w[1] {
        case 1:
            guard let pid = Int32(exactly: w[3]), pid > 1, deadline.nanoseconds > 0 else { return nil }
            let process = ProcessIdentity(pid: pid, startTicks: UInt64(bitPattern: w[4]))
            return (.arm(process, deadline: deadline), w[2])
        case 2: return deadline.nanoseconds > 0 ? (.extend(deadline: deadline), w[2]) : nil
        case 3: return (.disarm, w[2])
        case 4: return (.status, w[2])
        case 5: return (.quit, w[2])
        default: return nil
        }
    }
}

/// What the guard says of itself; part of every reply.
public struct GuardStatus: Equatable, Sendable {
    public var state: GuardMachine.State
    /// The last postmaster this guard has stopped, kept while the guard lives.
    public var lastFence: GuardMachine.Fence?
    public var guardPID: Int32

    public init(state: GuardMachine.State, lastFence: GuardMachine.Fence?, guardPID: Int32) {
        self.state = state
        self.lastFence = lastFence
        self.guardPID = guardPID
    }
}

/// One packet of fourteen 64-bit integers.
struct GuardReply: Equatable, Sendable {
    var sequence: Int64
    var refusal: GuardMachine.Refusal?
    var status: GuardStatus

    static let words = 14

    func encoded() -> [UInt8] {
        var w = [Int64](repeating: 0, count: Self.words)
        w[0] = GuardRequest.magic
        w[1] = sequence
        w[2] = refusal?.rawValue ?? 0
        w[3] = Int64(status.guardPID)
        func put(_ process: ProcessIdentity, at index: Int) {
            w[index] = Int64(process.pid)
            w[index + 1] = Int64(bitPattern: process.startTicks)
        }
        switch status.state {
        case .disarmed: w[4] = 0
        case .armed(let process, let deadline):
            w[4] = 1
            put(process, at: 5)
            w[7] = deadline.nanoseconds
        case .fencing(let process, let killAt):
            w[4] = 2
            put(process, at: 5)
            w[7] = killAt?.nanoseconds ?? 0
        }
        if let fence = status.lastFence {
            put(fence.process, at: 8)
            w[10] = fence.began.nanoseconds
            w[11] = fence.ended?.nanoseconds ?? 0
        }
        return packet(w)
    }

    static func decoded(_ bytes: some Collection<UInt8>) -> GuardReply? {
        guard let w = integers(in: bytes, count: words), w[0] == GuardRequest.magic else { return nil }
        func process(at index: Int) -> ProcessIdentity {
            ProcessIdentity(pid: Int32(clamping: w[index]), startTicks: UInt64(bitPattern: w[index + 1]))
        }
        func instant(_ value: Int64) -> BootInstant? { value == 0 ? nil : BootInstant(nanoseconds: value) }
        let state: GuardMachine.State
        switch w[4] {
        case 0: state = .disarmed
        case 1: state = .armed(process(at: 5), deadline: BootInstant(nanoseconds: w[7]))
        case 2: state = .fencing(process(at: 5), killAt: instant(w[7]))
        default: return nil
        }
        let fence = instant(w[10]).map {
            GuardMachine.Fence(process: process(at: 8), began: $0, ended: instant(w[11]))
        }
        let status = GuardStatus(state: state, lastFence: fence, guardPID: Int32(clamping: w[3]))
        return GuardReply(sequence: w[1], refusal: GuardMachine.Refusal(rawValue: w[2]), status: status)
    }
}

private func packet(_ words: [Int64]) -> [UInt8] {
    words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
}

private func integers(in bytes: some Collection<UInt8>, count: Int) -> [Int64]? {
    guard bytes.count == count * 8 else { return nil }
    let bytes = Array(bytes)
    return (0..<count).map { word in
        (0..<8).reduce(Int64(0)) { $0 | Int64(bytes[word * 8 + $1]) << ($1 * 8) }
    }
}
