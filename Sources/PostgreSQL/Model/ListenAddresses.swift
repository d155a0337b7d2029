/// The value of `listen_addresses`.
public struct ListenAddresses: Equatable, Sendable {
    public var entries: [String]

    /// Names and addresses with commas; blanks around them count for nothing.
    public init(_ value: String) {
        entries = value.split(separator: ",").map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }
    }

    /// True: only this host reaches the server, over a loopback address or its unix socket.
    public var isLocal: Bool {
        entries.allSatisfy { $0.lowercased() == "localhost" || IPAddress($0)?.isLoopback == true }
    }

    /// True: others cannot come by this address, the one that they know, because the server is local.
    public func keepsOut(fromAddress address: String) -> Bool {
        let isOwn = entries.contains(address) || !entries.isEmpty && IPAddress(address)?.isLoopback == true
        return isLocal && !isOwn
    }

    public var isEverywhere: Bool { entries.contains { ["*", "0.0.0.0", "::"].contains($0) } }

    /// What is listened at besides: the owner's own addresses stay.
    public func adding(_ address: String) -> ListenAddresses {
        var result = self
        if !isEverywhere, !entries.contains(address) { result.entries.append(address) }
        return result
    }

    public var value: String { entries.joined(separator: ",") }
}
