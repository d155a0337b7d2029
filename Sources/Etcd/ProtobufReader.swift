/// Reads the fields of one protobuf message in the order they stand there. Any bytes whatever end in fields or in
/// an error: lengths are checked against what is left, and nesting against ``maximumDepth``.
/// Format: https://protobuf.dev/programming-guides/encoding/
struct ProtobufReader {
    struct Malformed: Error, Equatable {
        var reason: String
    }

    struct Field {
        enum Value {
            case varint(UInt64)
            case fixed64(UInt64)
            case fixed32(UInt32)
            case bytes(ArraySlice<UInt8>)
        }
        var number: Int
        var value: Value
        fileprivate var depth: Int
    }

    /// Nested messages allowed; etcd's answers need six, two more for each nested transaction.
    static let maximumDepth = 32

    private var rest: ArraySlice<UInt8>
    private let depth: Int

    init(_ bytes: [UInt8]) {
        self.init(bytes[...], depth: 0)
    }

    fileprivate init(_ bytes: ArraySlice<UInt8>, depth: Int) {
        rest = bytes
        self.depth = depth
    }

    /// The next field, nil at the end of the message.
    mutating func next() throws -> Field? {
        guard !rest.isEmpty else { return nil }
        let tag = try varint()
        guard tag >> 3 >= 1, tag >> 3 < 1 << 29 else { throw Malformed(reason: "field number out of range") }
        let number = Int(tag >> 3)
        switch tag & 7 {
        case 0: return Field(number: number, value: .varint(try varint()), depth: depth)
        case 1: return Field(number: number, value: .fixed64(try fixed(8)), depth: depth)
        case 2: return Field(number: number, value: .bytes(try lengthDelimited()), depth: depth)
        case 5: return Field(number: number, value: .fixed32(UInt32(truncatingIfNeeded: try fixed(4))), depth: depth)
        default: throw Malformed(reason: "unknown wire type \(tag & 7)")
        }
    }

    private mutating func varint() throws -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte = rest.popFirst() else { throw Malformed(reason: "a number is cut off") }
            if shift == 63, byte > 1 { break }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        throw Malformed(reason: "a number is longer than 64 bits")
    }

    private mutating func fixed(_ count: Int) throws -> UInt64 {
        guard rest.count >= count else { throw Malformed(reason: "a fixed-size number is cut off") }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private mutating func lengthDelimited() throws -> ArraySlice<UInt8> {
        let length = try varint()
        guard length <= UInt64(rest.count) else { throw Malformed(reason: "a field is longer than its message") }
        defer { rest = rest.dropFirst(Int(length)) }
        return rest.prefix(Int(length))
    }
}

extension ProtobufReader.Field {
    private func mismatch(_ wanted: String) -> ProtobufReader.Malformed {
        .init(reason: "field \(number) is not \(wanted)")
    }

    func int64() throws -> Int64 { Int64(bitPattern: try uint64()) }

    func uint64() throws -> UInt64 {
        guard case .varint(let value) = value else { throw mismatch("a number") }
        return value
    }

    func bool() throws -> Bool { try uint64() != 0 }

    func bytes() throws -> [UInt8] {
        guard case .bytes(let value) = value else { throw mismatch("bytes") }
        return Array(value)
    }

    /// Text; bytes that are not UTF-8 become replacement characters.
    func string() throws -> String { String(decoding: try bytes(), as: UTF8.self) }

    /// The fields of a nested message.
    func message() throws -> ProtobufReader {
        guard case .bytes(let value) = value else { throw mismatch("a message") }
        guard depth < ProtobufReader.maximumDepth else { throw ProtobufReader.Malformed(reason: "nested too deeply") }
        return ProtobufReader(value, depth: depth + 1)
    }
}
