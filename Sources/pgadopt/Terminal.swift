import Glibc
import Report

/// What the tool knows of the terminal it talks to.
enum Terminal {
    /// Colour and moving progress only where a person looks, and where NO_COLOR does not forbid it.
    static var isInteractive: Bool {
        isatty(STDOUT_FILENO) == 1 && getenv("TERM").map { String(cString: $0) } != "dumb"
    }
    static var usesColour: Bool { isInteractive && getenv("NO_COLOR") == nil }

    /// Columns of the terminal; 100 where there is none.
    static var width: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 20 else { return 100 }
        return Int(size.ws_col)
    }

    static var style: TextStyle { TextStyle(isColoured: usesColour, width: width) }

    /// An error for a person, on standard error.
    static func complain(_ text: String) { write("pgadopt: \(text)\n", to: STDERR_FILENO) }

    /// Text without a line end, at once (progress lines).
    static func put(_ text: String) { write(text, to: STDOUT_FILENO) }

    /// Progress: on standard error, beside the result.
    static func note(_ text: String) { write(text, to: STDERR_FILENO) }

    /// Asks on the terminal; false when nobody can answer.
    static func confirm(_ question: String) -> Bool {
        guard isatty(STDIN_FILENO) == 1 else { return false }
        put("\(question) [y/N] ")
        return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return }
        }
    }
}
