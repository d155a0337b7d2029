/// An IPv4 or IPv6 address as bytes, four or sixteen.
public struct IPAddress: Hashable, Sendable {
    public var bytes: [UInt8]

    /// Reads dotted IPv4 and colon-separated IPv6, with `::` and an embedded IPv4 tail. A zone (`%eth0`) is ignored.
    public init?(_ text: some StringProtocol) {
        let address = String(text.prefix { $0 != "%" })
        if address.contains(":") {
            guard let bytes = Self.version6(address) else { return nil }
            self.bytes = bytes
        } else {
            guard let bytes = Self.version4(address) else { return nil }
            self.bytes = bytes
        }
    }

    private static func version4(_ text: String) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let byte = UInt8(part)
            else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    private static func version6(_ text: String) -> [UInt8]? {
        var halves: [[UInt8]] = []
        guard let gap = text.firstRange(of: "::") else {
            guard let all = groups(text), all.count == 16 else { return nil }
            return all
        }
        for half in [text[..<gap.lowerBound], text[gap.upperBound...]] {
            guard let bytes = half.isEmpty ? [] : groups(String(half)) else { return nil }
            halves.append(bytes)
        }
        let missing = 16 - halves[0].count - halves[1].count
        guard missing >= 2 else { return nil }
        return halves[0] + [UInt8](repeating: 0, count: missing) + halves[1]
    }

    private static func groups(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.contains(".") {
                guard let tail = version4(String(part)) else { return nil }
                bytes += tail
            } else {
                guard (1...4).contains(part.utf8.count), part.utf8.first != 0x2B, let value = UInt16(part, radix: 16)
                else { return nil }
                bytes += [UInt8(value >> 8), UInt8(value & 0xFF)]
            }
        }
        return bytes
    }

    /// 127.0.0.0/8 and ::1.
    public var isLoopback: Bool {
        bytes.count == 4 ? bytes[0] == 127 : bytes == [UInt8](repeating: 0, count: 15) + [1]
    }
}

/// A range of addresses: those that agree with `address` in the bits of `mask`.
public struct IPNetwork: Hashable, Sendable {
    public var address: IPAddress
    public var mask: [UInt8]

    /// Nil when the prefix is longer than the address.
    public init?(address: IPAddress, prefix: Int) {
        guard (0...(address.bytes.count * 8)).contains(prefix) else { return nil }
        self.address = address
        mask = address.bytes.indices.map { index in
            let bits = min(8, max(0, prefix - index * 8))
            return UInt8(truncatingIfNeeded: 0xFF00 >> bits)
        }
    }

    public init?(address: IPAddress, mask: IPAddress) {
        guard address.bytes.count == mask.bytes.count else { return nil }
        self.address = address
        self.mask = mask.bytes
    }

    public func contains(_ other: IPAddress) -> Bool {
        guard other.bytes.count == address.bytes.count else { return false }
        return address.bytes.indices.allSatisfy { address.bytes[$0] & mask[$0] == other.bytes[$0] & mask[$0] }
    }
}
