import Foundation
import Synchronization

/// Passes connections on to a port of this machine, and can keep all answers from then on: what is asked still arrives.
public final class OneWayProxy: Sendable {
    public let port: Int
    private let listener: Int32
    private let isDeaf = Atomic(false)

    public init(to target: Int) {
        (listener, port) = Self.listen()
        // Its threads end with the sockets, and close them.
        Thread.detachNewThread { [self] in
            defer { close(listener) }
            while case let client = accept(listener, nil, nil), client >= 0 {
                let server = Self.socket()
                guard Self.withLoopback(target, { connect(server, $0, $1) }) == 0 else {
                    close(client)
                    close(server)
                    continue
                }
                let ways = DispatchGroup()
                for (source, sink, isAnswer) in [(client, server, false), (server, client, true)] {
                    ways.enter()
                    Thread.detachNewThread { [self] in
                        pass(from: source, to: sink, isAnswer: isAnswer)
                        ways.leave()
                    }
                }
                ways.notify(queue: .global()) {
                    close(client)
                    close(server)
                }
            }
        }
    }

    public func keepAnswers() { isDeaf.store(true, ordering: .relaxed) }

    /// Ends the proxy; connections that are open stay so until one of their ends closes.
    public func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func pass(from source: Int32, to sink: Int32, isAnswer: Bool) {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = read(source, &bytes, bytes.count), count > 0 {
            if isAnswer, isDeaf.load(ordering: .relaxed) { continue }
            guard send(sink, bytes, count, Int32(MSG_NOSIGNAL)) == count else { break }
        }
        shutdown(sink, Int32(SHUT_RDWR))
        shutdown(source, Int32(SHUT_RDWR))
    }

    private static func listen() -> (Int32, Int) {
        let listener = socket()
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        guard withLoopback(0, { bind(listener, $0, $1) }) == 0, Glibc.listen(listener, 16) == 0,
            withUnsafeMutablePointer(to: &address, {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &length) }
            }) == 0
        else { fatalError("no port: errno \(errno)") }
        return (listener, Int(UInt16(bigEndian: address.sin_port)))
    }

    private static func socket() -> Int32 {
        Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    }

    private static func withLoopback(_ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }
}
