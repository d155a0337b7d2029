/// Builds the bytes of one protobuf message. Fields that hold their default value are left out, as proto3 asks.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    mutating func field(_ number: Int, _ value: Int64) {
        guard value != 0 else { return }
        tag(number, wireType: 0)
        varint(UInt64(bitPattern: value))
    }

    mutating func field(_ number: Int, _ value: UInt64) {
        guard value != 0 else { return }
        tag(number, wireType: 0)
        varint(value)
    }

    mutating func field(_ number: Int, _ value: Bool) {
        field(number, UInt64(value ? 1 : 0))
    }

    mutating func field(_ number: Int, _ value: [UInt8]) {
        if !value.isEmpty { required(number, value) }
    }

    mutating func field(_ number: Int, _ value: String) {
        field(number, Array(value.utf8))
    }

    /// Length-delimited and written even when empty: members of a `oneof`, whose presence carries the meaning.
    mutating func required(_ number: Int, _ value: [UInt8]) {
        tag(number, wireType: 2)
        varint(UInt64(value.count))
        bytes += value
    }

    /// A member of a `oneof`, written even when zero.
    mutating func required(_ number: Int, _ value: Int64) {
        tag(number, wireType: 0)
        varint(UInt64(bitPattern: value))
    }

    mutating func message(_ number: Int, _ body: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        body(&inner)
        required(number, inner.bytes)
    }

    private mutating func tag(_ number: Int, wireType: UInt64) {
        varint(UInt64(number) << 3 | wireType)
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
