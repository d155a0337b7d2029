import Timekeeping

/// The guard's command line.
public struct GuardOptions: Equatable, Sendable {
    /// The unix socket; `PATH.pid` beside it holds the lock and the pid.
    public var socket: String
    /// From SIGQUIT to SIGKILL.
    public var grace: Duration

    public init(socket: String, grace: Duration = .milliseconds(200)) {
        self.socket = socket
        self.grace = grace
    }

    public var pidFile: String { socket + ".pid" }

    public var arguments: [String] {
        ["--socket", socket, "--grace-ms", String(grace.wholeNanoseconds / 1_000_000)]
    }

    public static let usage = "usage: pgadopt-guard --socket PATH [--grace-ms MILLISECONDS]"

    /// Nil for anything else than the usage says.
    public init?(arguments: [String]) {
        var rest = arguments[...]
        var socket: String?
        var grace = Duration.milliseconds(200)
        while let name = rest.popFirst() {
            guard let value = rest.popFirst() else { return nil }
            switch name {
            case "--socket": socket = value
            case "--grace-ms":
                guard let number = Int64(value), (0...60_000).contains(number) else { return nil }
                grace = .milliseconds(number)
            default: return nil
            }
        }
        guard let socket, !socket.isEmpty else { return nil }
        self.init(socket: socket, grace: grace)
    }
}
