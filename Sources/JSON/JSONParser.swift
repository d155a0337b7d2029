/// Why a text is not JSON, and where.
public struct JSONError: Error, Equatable, CustomStringConvertible {
    public var message: String
    /// Byte offset from the start of the text.
    public var offset: Int
    public var description: String { "\(message) at byte \(offset)" }
}

extension JSON {
    /// Parses RFC 8259 text. Depth is limited to 200 levels, because the text may come from the network.
    public init(parsing text: String) throws(JSONError) { try self.init(parsing: Array(text.utf8)) }

    public init(parsing bytes: [UInt8]) throws(JSONError) {
        var parser = JSONParser(bytes: bytes)
        self = try parser.document()
    }
}

private struct JSONParser {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(JSONError) -> JSON {
        let result = try value(depth: 0)
        skipBlanks()
        guard position == bytes.count else { throw fail("more text after the value") }
        return result
    }

    private func fail(_ message: String) -> JSONError { JSONError(message: message, offset: position) }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipBlanks() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func accept(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSON {
        guard depth < 200 else { throw fail("nested deeper than 200 levels") }
        skipBlanks()
        switch next {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case .some(let byte) where byte == UInt8(ascii: "-") || (0x30...0x39).contains(byte): return try number()
        case .some: throw fail("unexpected character")
        case nil: throw fail("unexpected end")
        }
    }

    private mutating func word(_ text: String, _ value: JSON) throws(JSONError) -> JSON {
        for byte in text.utf8 { guard accept(byte) else { throw fail("expected \(text)") } }
        return value
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSON {
        position += 1
        var result = JSONObject()
        skipBlanks()
        if accept(UInt8(ascii: "}")) { return .object(result) }
        while true {
            skipBlanks()
            guard next == UInt8(ascii: "\"") else { throw fail("expected a key in quotes") }
            let key = try string()
            skipBlanks()
            guard accept(UInt8(ascii: ":")) else { throw fail("expected ':'") }
            result[key] = try value(depth: depth + 1)
            skipBlanks()
            if accept(UInt8(ascii: ",")) { continue }
            guard accept(UInt8(ascii: "}")) else { throw fail("expected ',' or '}'") }
            return .object(result)
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSON {
        position += 1
        var result: [JSON] = []
        skipBlanks()
        if accept(UInt8(ascii: "]")) { return .array(result) }
        while true {
            result.append(try value(depth: depth + 1))
            skipBlanks()
            if accept(UInt8(ascii: ",")) { continue }
            guard accept(UInt8(ascii: "]")) else { throw fail("expected ',' or ']'") }
            return .array(result)
        }
    }

    private mutating func number() throws(JSONError) -> JSON {
        let start = position
        let number = Set("+-.eE0123456789".utf8)
        while let byte = next, number.contains(byte) { position += 1 }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        guard let first = digits.utf8.first, (0x30...0x39).contains(first),
            !(first == 0x30 && digits.utf8.dropFirst().first.map { (0x30...0x39).contains($0) } ?? false)
        else { throw fail("not a number") }
        if let integer = Int64(text) { return .int(integer) }
        guard let double = Double(text), digits.utf8.last.map({ (0x30...0x39).contains($0) }) ?? false
        else { throw fail("not a number") }
        return .double(double)
    }

    private mutating func string() throws(JSONError) -> String {
        position += 1
        var out: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: out, as: UTF8.self) else { throw fail("text is not UTF-8") }
                return text
            case UInt8(ascii: "\\"): try escape(into: &out)
            case 0..<0x20: throw fail("control character in a string")
            default: out.append(byte)
            }
        }
        throw fail("string without an end")
    }

    private mutating func escape(into out: inout [UInt8]) throws(JSONError) {
        guard let byte = next else { throw fail("string without an end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(byte)
        case UInt8(ascii: "b"): out.append(0x08)
        case UInt8(ascii: "f"): out.append(0x0C)
        case UInt8(ascii: "n"): out.append(0x0A)
        case UInt8(ascii: "r"): out.append(0x0D)
        case UInt8(ascii: "t"): out.append(0x09)
        case UInt8(ascii: "u"):
            var code = UInt32(try fourDigits())
            if (0xD800..<0xDC00).contains(code) {
                guard accept(UInt8(ascii: "\\")), accept(UInt8(ascii: "u")) else { throw fail("half a surrogate pair") }
                let low = UInt32(try fourDigits())
                guard (0xDC00..<0xE000).contains(low) else { throw fail("half a surrogate pair") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw fail("half a surrogate pair") }
            out.append(contentsOf: Array(String(Character(scalar)).utf8))
        default: throw fail("unknown escape")
        }
    }

    private mutating func fourDigits() throws(JSONError) -> UInt16 {
        guard position + 4 <= bytes.count, bytes[position] != UInt8(ascii: "+"), bytes[position] != UInt8(ascii: "-"),
            let value = UInt16(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
        else { throw fail("expected four hexadecimal digits") }
        position += 4
        return value
    }
}
