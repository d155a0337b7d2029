/// postgresql.conf: enough of it to find definitions and includes.
///
/// One assignment a line, `name = value` or `name value`; quotes in the value are doubled or escaped with a
/// backslash; `#` starts a comment; names do not tell case apart. The last definition counts (documentation,
/// "Setting Parameters").
public struct ConfFile: Equatable, Sendable {
    public struct Line: Equatable, Sendable {
        /// From 1.
        public var number: Int
        /// Lower case.
        public var name: String
        /// Without its quotes.
        public var value: String
    }

    public struct Include: Equatable, Sendable {
        public enum Kind: String, Sendable { case file = "include", optionalFile = "include_if_exists", directory = "include_dir" }
        public var number: Int
        public var kind: Kind
        /// As written: relative paths start at the directory of the file with the directive.
        public var path: String
    }

    public private(set) var settings: [Line] = []
    public private(set) var includes: [Include] = []
    /// Lines that are neither, by number.
    public private(set) var invalidLines: [Int] = []

    public init(text: String) {
        var number = 0
        for line in text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false) {
            number += 1
            guard let assignment = Self.assignment(Array(line)) else { continue }
            guard let (name, value) = assignment else {
                invalidLines.append(number)
                continue
            }
            if let kind = Include.Kind(rawValue: name) {
                includes.append(Include(number: number, kind: kind, path: value))
            } else {
                settings.append(Line(number: number, name: name, value: value))
            }
        }
    }

    /// The definition that counts within this file.
    public func last(_ name: String) -> Line? {
        let name = name.lowercased()
        return settings.last { $0.name == name }
    }

    /// Nil: a blank line or a comment. Inner nil: not an assignment.
    private static func assignment(_ line: [UInt8]) -> (name: String, value: String)?? {
        var position = 0
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        func skipBlanks() { while position < line.count, isBlank(line[position]) { position += 1 } }
        skipBlanks()
        guard position < line.count, line[position] != UInt8(ascii: "#") else { return .none }
        let start = position
        while position < line.count, isNameByte(line[position]) { position += 1 }
        guard position > start else { return .some(nil) }
        let name = String(decoding: line[start..<position], as: UTF8.self).lowercased()
        skipBlanks()
        if position < line.count, line[position] == UInt8(ascii: "=") {
            position += 1
            skipBlanks()
        }
        guard position < line.count, line[position] != UInt8(ascii: "#"),
            let value = value(line, &position)
        else { return .some(nil) }
        skipBlanks()
        guard position == line.count || line[position] == UInt8(ascii: "#") else { return .some(nil) }
        return .some((name, value))
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x41...0x5A, 0x61...0x7A, 0x30...0x39, 0x5F, 0x2E, 0x24, 0x80...: true
        default: false
        }
    }

    private static func value(_ line: [UInt8], _ position: inout Int) -> String? {
        var out: [UInt8] = []
        let quote = UInt8(ascii: "'")
        guard line[position] == quote else {
            while position < line.count, !(line[position] == 0x20 || (0x09...0x0D).contains(line[position])),
                line[position] != UInt8(ascii: "#")
            {
                out.append(line[position])
                position += 1
            }
            return String(decoding: out, as: UTF8.self)
        }
        position += 1
        while position < line.count {
            let byte = line[position]
            position += 1
            if byte == UInt8(ascii: "\\"), position < line.count {
                out.append(line[position])
                position += 1
            } else if byte == quote {
                guard position < line.count, line[position] == quote else { return String(decoding: out, as: UTF8.self) }
                out.append(quote)
                position += 1
            } else {
                out.append(byte)
            }
        }
        return nil
    }
}
