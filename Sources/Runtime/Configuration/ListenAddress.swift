import PostgresModel

/// Addresses to listen at; `*` stands for all.
public struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
    public var hosts: [String]
    public var port: Int

    public init(hosts: [String], port: Int) {
        self.hosts = hosts
        self.port = port
    }

    /// `addr[,addr]:port`, with the port optional when there is a default; nil for anything else.
    public init?(_ text: String, defaultPort: Int? = nil) {
        var rest = text[...]
        var port = defaultPort
        if let colon = text.lastIndex(of: ":"), let number = Int(text[text.index(after: colon)...]) {
            let before = text[..<colon]
            // A bare IPv6 address has no port: its colons are not ours.
            let isPlain = !before.contains(":") || before.hasSuffix("]")
            if isPlain || before.contains(",") {
                rest = before
                port = number
            }
        }
        guard let port, (1...65535).contains(port) else { return nil }
        let hosts = rest.split(separator: ",", omittingEmptySubsequences: false).map { part in
            let host = part.trimmingSpaces
            return host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        }
        guard hosts.allSatisfy({ $0 == "*" || HostPort.isHost($0) }) else { return nil }
        self.init(hosts: hosts, port: port)
    }

    public var description: String {
        hosts.map { $0.contains(":") ? "[\($0)]" : $0 }.joined(separator: ",") + ":\(port)"
    }
}

extension StringProtocol {
    /// Without spaces and tabs at both ends.
    var trimmingSpaces: String {
        var result = self[...]
        while let first = result.first, first == " " || first == "\t" { result = result.dropFirst() }
        while let last = result.last, last == " " || last == "\t" { result = result.dropLast() }
        return String(result)
    }
}
