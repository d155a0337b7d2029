/// The account a command runs as on a host.
public enum Account: Hashable, Sendable {
    /// The user who logged in.
    case login
    /// Another user, through `sudo -n -u` unless the login user is that user already.
    case user(String)

    public static let root = Account.user("root")
}

/// What a command left behind.
public struct CommandResult: Equatable, Sendable {
    /// The exit code; 128 + n when a signal n ended it, as shells report it.
    public var status: Int32
    public var standardOutput: [UInt8]
    public var standardError: [UInt8]

    public init(status: Int32, standardOutput: [UInt8] = [], standardError: [UInt8] = []) {
        self.status = status
        self.standardOutput = standardOutput
        self.standardError = standardError
    }

    public var succeeded: Bool { status == 0 }
    /// Standard output as text; bytes that are not UTF-8 become replacement characters.
    public var output: String { String(decoding: standardOutput, as: UTF8.self) }
    public var errorOutput: String { String(decoding: standardError, as: UTF8.self) }
}

/// A host on which commands can be run. SSH implements it; tests use doubles.
public protocol RemoteShell: Sendable {
    /// The host's name in the inventory, for messages.
    var hostName: String { get }

    /// Runs a command line under `/bin/sh -c` and waits for its end.
    ///
    /// - Parameters:
    ///   - command: a shell command. Quote every outside value with ``quoted(_:)``. Never put a secret here:
    ///     other users can read command lines. Secrets go through `standardInput`.
    ///   - account: who runs it.
    ///   - standardInput: bytes for the command, then end of file.
    ///   - deadline: how long the whole call may take, connection included.
    ///   - onOutput: called with pieces of standard output as they arrive (they are collected as well).
    /// - Throws: when the host cannot be reached, the deadline passes or sudo refuses. A command that ends
    ///   with a code other than 0 is a result, not an error.
    func run(
        _ command: String, as account: Account, standardInput: [UInt8], deadline: Duration,
        onOutput: (@Sendable ([UInt8]) -> Void)?
    ) async throws -> CommandResult
}

extension RemoteShell {
    public func run(
        _ command: String, as account: Account = .login, standardInput: [UInt8] = [], deadline: Duration = .seconds(30)
    ) async throws -> CommandResult {
        try await run(command, as: account, standardInput: standardInput, deadline: deadline, onOutput: nil)
    }
}

/// One word for a POSIX shell, whatever it contains: wrapped in single quotes, a quote inside becomes `'\''`.
/// Words of plain characters stay as they are, because people read these commands in plans.
public func quoted(_ word: String) -> String {
    let plain = word.unicodeScalars.allSatisfy { scalar in
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_", "-", ".", "/", ":", "=", "@", "%", "+", ",": true
        default: false
        }
    }
    if plain, !word.isEmpty, !word.hasPrefix("=") { return word }
    var text = "'"
    for character in word.unicodeScalars {
        if character == "'" { text += "'\\''" } else { text.unicodeScalars.append(character) }
    }
    return text + "'"
}

/// A command line from words, each quoted.
public func commandLine(_ words: [String]) -> String { words.map(quoted).joined(separator: " ") }
