/// One argument of a program: `--name` or `--name=value`.
public struct ProgramOption: Hashable, Sendable, CustomStringConvertible {
    public var name: String
    public var value: String?

    public init(_ name: String, _ value: String? = nil) {
        self.name = name
        self.value = value
    }

    /// One element of argv.
    public var description: String { value.map { "--\(name)=\($0)" } ?? "--\(name)" }
}

/// A command of the operator's, split into words as a POSIX shell splits them, without any other meaning of the
/// shell: no variables, no patterns, no operators.
public struct CommandWords: Hashable, Sendable, CustomStringConvertible {
    /// The program first; never empty.
    public let words: [String]

    public init(program: String, arguments: [String] = []) { words = [program] + arguments }

    /// Nil: a quote or a backslash without its partner, or no word at all.
    public init?(_ text: String) {
        guard let words = Self.split(text), !words.isEmpty else { return nil }
        self.words = words
    }

    public var program: String { words[0] }
    public var arguments: [String] { Array(words.dropFirst()) }
    public var description: String { words.joined(separator: " ") }

    /// The text that splits into these words again.
    public var quoted: String {
        words.map { word in
            let isBare = !word.isEmpty && word.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || "-_./:,%@+=".utf8.contains(byte)
            }
            if isBare { return word }
            return "'" + word.unicodeScalars.map { $0 == "'" ? "'\\''" : String($0) }.joined() + "'"
        }.joined(separator: " ")
    }

    private static func split(_ text: String) -> [String]? {
        var words: [String] = []
        var word: String.UnicodeScalarView?
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            switch scalar {
            case " ", "\t", "\n", "\r":
                if let done = word { words.append(String(done)) }
                word = nil
            case "'":
                guard let end = rest.firstIndex(of: "'") else { return nil }
                word = (word ?? .init()) + Array(rest[..<end])
                rest = rest[rest.index(after: end)...]
            case "\"":
                guard let inner = doubleQuoted(&rest) else { return nil }
                word = (word ?? .init()) + Array(inner)
            case "\\":
                guard let next = rest.popFirst() else { return nil }
                word = (word ?? .init()) + [next]
            default: word = (word ?? .init()) + [scalar]
            }
        }
        if let done = word { words.append(String(done)) }
        return words
    }

    /// Up to the closing quote; a backslash keeps its meaning before `"` and `\` only.
    private static func doubleQuoted(_ rest: inout String.UnicodeScalarView.SubSequence) -> String.UnicodeScalarView? {
        var result = String.UnicodeScalarView()
        while let scalar = rest.popFirst() {
            if scalar == "\"" { return result }
            if scalar == "\\", let next = rest.first, next == "\"" || next == "\\" {
                result.append(rest.removeFirst())
            } else {
                result.append(scalar)
            }
        }
        return nil
    }
}
