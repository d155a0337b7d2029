import Glibc

/// TCP ports of 127.0.0.1 that nobody uses at this moment. Below those that the kernel gives to outgoing connections: one
/// of these could take the port before the server that it is for.
public func freePorts(_ count: Int) -> [Int] {
    var sockets: [Int32] = []
    defer { for socket in sockets { close(socket) } }
    var ports: [Int] = []
    for _ in 0..<10_000 where ports.count < count {
        let port = Int.random(in: 10_000..<32_000)
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        sockets.append(socket)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let isFree = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        if isFree { ports.append(port) }
    }
    precondition(ports.count == count, "no free ports")
    return ports
}
