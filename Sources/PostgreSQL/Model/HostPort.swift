/// A place in the network: `db1:5432`, `10.0.0.1:5432`, `[fe80::1]:5432`.
public struct HostPort: Hashable, Sendable, CustomStringConvertible {
    /// A name or an address, without brackets.
    public var host: String
    /// 1...65535
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Nil for anything that is not a host and a port; `defaultPort` stands in for an absent one.
    public init?(_ text: String, defaultPort: Int? = nil) {
        if let defaultPort {
            let bare = text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
            if Self.isHost(bare) {
                self.init(host: bare, port: defaultPort)
                return
            }
        }
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(digits) else { return nil }
        guard (1...65535).contains(port) else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            return nil
        }
        guard Self.isHost(host) else { return nil }
        self.init(host: host, port: port)
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// A DNS name, an alias, an IPv4 or an unbracketed IPv6 address; the resolver has the last word.
    public static func isHost(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 253 else { return false }
        if text.utf8.lazy.filter({ $0 == UInt8(ascii: ":") }).count >= 2 {
            let parts = text.split(separator: "%", maxSplits: 1)
            guard parts.dropFirst().allSatisfy({ $0.utf8.allSatisfy(isNameByte) }) else { return false }
            return parts.first?.utf8.allSatisfy { "0123456789abcdefABCDEF:.".utf8.contains($0) } ?? false
        }
        return first != UInt8(ascii: "-") && first != UInt8(ascii: ".") && text.utf8.allSatisfy(isNameByte)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || "-_.".utf8.contains(byte)
    }
}
