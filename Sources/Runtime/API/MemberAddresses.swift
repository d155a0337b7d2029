import Cluster
import Glibc
import NIOCore
import NIOPosix

/// Addresses of the members' APIs, for `allowlist_include_members`.
enum MemberAddresses {
    /// How long names may take to resolve; members whose names take longer do not count.
    private static let limit = TimeAmount.seconds(2)

    static func resolve(_ members: [Member], on loop: any EventLoop) async -> [IPAddress] {
        var addresses: [IPAddress] = []
        var names: [String] = []
        for host in members.compactMap({ $0.apiURL.flatMap(APIClient.Target.init)?.host }) {
            if let address = IPAddress(host) { addresses.append(address) } else { names.append(host) }
        }
        guard !names.isEmpty else { return addresses }
        let promise = loop.makePromise(of: [IPAddress].self)
        let timer = loop.scheduleTask(in: limit) { promise.succeed([]) }
        let wanted = names
        NIOThreadPool.singleton.runIfActive(eventLoop: loop) { wanted.flatMap(lookUp) }.whenComplete { result in
            timer.cancel()
            promise.succeed((try? result.get()) ?? [])
        }
        return addresses + ((try? await promise.futureResult.get()) ?? [])
    }

    /// Blocks for as long as the resolver does.
    static func lookUp(_ name: String) -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &first) == 0 else { return [] }
        defer { freeaddrinfo(first) }
        var found: [IPAddress] = []
        var next = first
        while let entry = next {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let code = getnameinfo(
                entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
            if code == 0 {
                let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                if let address = IPAddress(String(decoding: bytes, as: UTF8.self)) { found.append(address) }
            }
            next = entry.pointee.ai_next
        }
        return found
    }
}

extension APISecurity {
    /// The ranges of `restapi.allowlist`. Names are resolved now, once; may block as long as the resolver does.
    ///
    /// - Returns: the ranges, and the entries that are neither an address, a network nor a known name.
    public static func allowlist(_ entries: [String]) -> (ranges: [AddressRange], unknown: [String]) {
        var ranges: [AddressRange] = []
        var unknown: [String] = []
        for entry in entries {
            if let range = AddressRange(entry) {
                ranges.append(range)
            } else {
                let found = entry.contains("/") ? [] : MemberAddresses.lookUp(entry)
                if found.isEmpty { unknown.append(entry) }
                ranges += found.map(AddressRange.init)
            }
        }
        return (ranges, unknown)
    }
}
