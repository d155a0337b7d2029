/// An IP address; an IPv4 address that a dual-stack socket shows as `::ffff:a.b.c.d` is the IPv4 address.
public struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// 4 or 16 bytes, in network order.
    public let bytes: [UInt8]

    /// - Parameter text: `192.0.2.1`, `2001:db8::1`, `fe80::1%eth0` (the zone is passed over); nil for anything else.
    public init?(_ text: some StringProtocol) {
        let withoutZone = text.prefix { $0 != "%" }
        guard let bytes = withoutZone.contains(":") ? Self.version6(withoutZone) : Self.version4(withoutZone)
        else { return nil }
        self.init(bytes: bytes)
    }

    private init(bytes: [UInt8]) {
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        self.bytes = bytes.count == 16 && bytes.starts(with: mapped) ? Array(bytes.dropFirst(12)) : bytes
    }

    public var description: String {
        if bytes.count == 4 { return bytes.map(String.init).joined(separator: ".") }
        return stride(from: 0, to: 16, by: 2)
            .map { String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16) }.joined(separator: ":")
    }

    private static func version4(_ text: some StringProtocol) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        let bytes = parts.compactMap { part in
            part.utf8.allSatisfy { (0x30...0x39).contains($0) } && part.count <= 3 ? UInt8(part) : nil
        }
        return bytes.count == 4 ? bytes : nil
    }

    private static func version6(_ text: some StringProtocol) -> [UInt8]? {
        guard let gap = text.firstRange(of: "::") else { return groups(text).flatMap { $0.count == 16 ? $0 : nil } }
        let (before, after) = (text[..<gap.lowerBound], text[gap.upperBound...])
        guard let head = before.isEmpty ? [] : groups(before), let tail = after.isEmpty ? [] : groups(after),
            head.count + tail.count <= 14
        else { return nil }
        return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }

    /// `a:b:c`, where the last group may be an IPv4 address.
    private static func groups(_ text: some StringProtocol) -> [UInt8]? {
        var bytes: [UInt8] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.contains("."), let last = version4(part) {
                bytes += last
            } else if (1...4).contains(part.count), let first = part.first, first.isHexDigit,
                let group = UInt16(part, radix: 16)
            {
                bytes += [UInt8(group >> 8), UInt8(group & 0xFF)]
            } else {
                return nil
            }
        }
        return bytes.count <= 16 ? bytes : nil
    }
}

/// One entry of an allowlist: an address or a network.
public struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    public var address: IPAddress
    /// Leading bits that must agree.
    public var prefix: Int

    /// - Parameter text: `192.0.2.1`, `192.0.2.0/24`, `192.0.2.0/255.255.255.0`, `2001:db8::/32`; nil for anything
    ///   else, names among it.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = IPAddress(parts[0]) else { return nil }
        let bits = address.bytes.count * 8
        self.address = address
        guard parts.count == 2 else {
            prefix = bits
            return
        }
        if let mask = IPAddress(parts[1]), mask.bytes.count == address.bytes.count {
            guard let length = Self.prefix(ofMask: mask) else { return nil }
            prefix = length
        } else {
            guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let length = Int(parts[1]), length <= bits
            else { return nil }
            prefix = length
        }
    }

    public init(_ address: IPAddress) {
        self.address = address
        prefix = address.bytes.count * 8
    }

    private static func prefix(ofMask mask: IPAddress) -> Int? {
        var length = 0
        var ended = false
        for byte in mask.bytes {
            if ended, byte != 0 { return nil }
            let ones = (~byte).leadingZeroBitCount
            guard ones == byte.nonzeroBitCount else { return nil }
            length += ones
            ended = ones < 8
        }
        return length
    }

    public func contains(_ other: IPAddress) -> Bool {
        guard other.bytes.count == address.bytes.count else { return false }
        let whole = prefix / 8
        guard address.bytes.prefix(whole) == other.bytes.prefix(whole) else { return false }
        let rest = prefix % 8
        return rest == 0 || (address.bytes[whole] ^ other.bytes[whole]) >> (8 - rest) == 0
    }

    public var description: String {
        prefix == address.bytes.count * 8 ? address.description : "\(address)/\(prefix)"
    }
}
