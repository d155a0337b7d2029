/// What went wrong on the way to a host. The message names the host, says what happened and what to do.
public struct SSHError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: String, CaseIterable, Sendable {
        /// No TCP connection, no name, or the other side does not speak SSH.
        case unreachable
        /// known_hosts holds no key that the host showed.
        case unknownHostKey
        /// known_hosts holds another key of the same type, or the key is revoked.
        case changedHostKey
        /// Client and server have no algorithm in common.
        case algorithms
        /// No key was accepted.
        case authentication
        /// The login shell did not run the command, or printed something else instead.
        case shell
        /// sudo refused.
        case sudo
        /// The time given was over.
        case deadline
        /// The connection broke while it was in use.
        case closed
        /// A command wrote more than the limit.
        case outputTooLarge
        /// The server refused a channel or a forwarded connection.
        case channel
        /// An upload did not arrive as it was sent, or could not be put in place.
        case upload
        /// A value the caller gave cannot be used: a file that cannot be read, a command too long.
        case argument
    }

    public var code: Code
    /// The host's name in the inventory.
    public var host: String
    /// What happened, what it means and what to do; does not repeat the host.
    public var message: String

    public init(_ code: Code, host: String, _ message: String) {
        self.code = code
        self.host = host
        self.message = message
    }

    public var description: String { "\(host): \(message)" }

    /// The preflight check this error answers.
    public var check: String {
        switch code {
        case .unreachable, .algorithms, .deadline, .closed, .channel: "ssh.reach"
        case .unknownHostKey, .changedHostKey: "ssh.hostkey"
        case .authentication, .argument: "ssh.auth"
        case .shell, .outputTooLarge, .upload: "ssh.shell"
        case .sudo: "ssh.sudo"
        }
    }
}

/// Thrown inside the module when a wait ran out; the caller knows what it was waiting for and says so.
struct DeadlinePassed: Error {}
