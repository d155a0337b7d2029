import Glibc
import Synchronization

/// An address with its port, as the kernel wants it.
struct SocketAddress: Sendable {
    var family: Int32
    var bytes: [UInt8]
    /// For messages.
    var text: String

    func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        bytes.withUnsafeBytes { body($0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count)) }
    }
}

/// Why one address could not be used.
struct AddressProblem: Error, Sendable { var text: String }

/// Where a resolving thread leaves its answer.
final class ResolvedAddresses: Sendable {
    private let box = Mutex<Result<[SocketAddress], AddressProblem>?>(nil)
    var value: Result<[SocketAddress], AddressProblem>? { box.withLock { $0 } }
    func set(_ value: Result<[SocketAddress], AddressProblem>) { box.withLock { $0 = value } }
}

/// Blocks until the system's resolver answers; call it on a thread of its own.
func resolve(_ host: String, _ port: Int) -> Result<[SocketAddress], AddressProblem> {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, String(port), &hints, &list)
    guard code == 0 else { return .failure(AddressProblem(text: String(cString: gai_strerror(code)))) }
    defer { freeaddrinfo(list) }
    var found: [SocketAddress] = []
    var entry = list
    while let info = entry?.pointee {
        let bytes = Array(UnsafeRawBufferPointer(start: info.ai_addr, count: Int(info.ai_addrlen)))
        var name = [CChar](repeating: 0, count: 1025)
        getnameinfo(info.ai_addr, info.ai_addrlen, &name, socklen_t(name.count), nil, 0, NI_NUMERICHOST)
        let text = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        found.append(SocketAddress(family: info.ai_family, bytes: bytes, text: text))
        entry = info.ai_next
    }
    return .success(found)
}
