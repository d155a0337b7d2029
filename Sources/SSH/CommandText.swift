import Shell

/// The text sent to the server for one command, and the line that marks where the command's own output begins.
///
/// sshd gives the text to the login shell, whatever that is, and profile scripts may print before it runs. So the text
/// is one simple command that sh, fish and csh read alike, and the command's output is what follows the marker line.
struct CommandText: Equatable, Sendable {
    let text: String
    /// The marker, its newline included; printed on standard output and on standard error.
    let marker: [UInt8]

    /// The longest text: libssh2 puts the whole request into one packet of 35,000 bytes at most.
    static let limit = 32_000

    /// - Parameter sudoUser: run as this user through sudo; nil: as the login user.
    init(_ command: String, sudoUser: String?, nonce: String) {
        marker = Array("pgadopt:\(nonce)\n".utf8)
        // In two words, so that a profile that echoes command lines (set -v) cannot print the marker.
        let begin = "printf '%s%s\\n' pgadopt: \(nonce); printf '%s%s\\n' pgadopt: \(nonce) >&2; "
        let script = begin + command
        if let sudoUser {
            text = Self.sh("exec sudo -n -u \(quoted(sudoUser)) -- /bin/sh -c \(quoted(script))")
        } else {
            text = Self.sh(script)
        }
    }

    /// `exec /bin/sh -c '...'` with nothing inside the quotes that a shell reads in its own way: fish takes backslash
    /// and quote as special between single quotes, csh `!` and newline, and a locale may spoil bytes beyond ASCII.
    /// Those bytes travel as `\0ooo`, which printf's %b turns back.
    static func sh(_ script: String) -> String {
        var encoded = ""
        for byte in script.utf8 {
            switch byte {
            case UInt8(ascii: "'"), UInt8(ascii: "\\"), UInt8(ascii: "!"), UInt8(ascii: "\""), UInt8(ascii: "$"),
                UInt8(ascii: "`"), 0..<32, 127...:
                let octal = String(byte, radix: 8)
                encoded += "\\0" + String(repeating: "0", count: 3 - octal.count) + octal
            default:
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            }
        }
        return "exec /bin/sh -c 'eval \"$(printf %b \"\(encoded)\")\"'"
    }
}

/// Passes on what follows the marker; keeps what came before, for an error text.
struct MarkerFilter {
    private let marker: [UInt8]
    private var held: [UInt8] = []
    private(set) var found = false

    init(_ marker: [UInt8]) { self.marker = marker }

    /// What came before the marker so far.
    var noise: [UInt8] { held }

    mutating func pass(_ bytes: [UInt8]) -> [UInt8] {
        if found { return bytes }
        let searchFrom = max(0, held.count - marker.count)
        held += bytes
        guard held.count >= marker.count else { return [] }
        for start in searchFrom...(held.count - marker.count)
        where held[start] == marker[0] && held[start..<start + marker.count].elementsEqual(marker) {
            found = true
            let rest = Array(held[(start + marker.count)...])
            held.removeSubrange(start...)
            return rest
        }
        // A profile that prints without end must not fill memory.
        if held.count > 1 << 20 { held.removeFirst(held.count - (1 << 16)) }
        return []
    }
}
