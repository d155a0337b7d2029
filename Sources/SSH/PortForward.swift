import CLibSSH2
import Glibc

extension SSHHost {
    /// Opens a port on 127.0.0.1 here whose connections come out of the host towards `host:port`.
    ///
    /// It lives as long as the SSH connection. Other users of this machine can connect to it too.
    /// - Returns: the local port.
    public func forward(to host: String, port: Int, deadline: Duration = .seconds(30)) async throws -> Int {
        try await connection(until: .now + deadline).listen(towards: host, port: port)
    }
}

extension Connection {
    func listen(towards host: String, port: Int) throws -> Int {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let listener = socket(AF_INET, type, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let failed = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) != 0 || Glibc.listen(listener, 64) != 0 || getsockname(listener, $0, &size) != 0
            }
        }
        if failed {
            let reason = String(cString: strerror(errno))
            Glibc.close(listener)
            throw fault(.channel, "no local port could be opened: \(reason).")
        }
        Task { await acceptAll(listener, host, port) }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    private func acceptAll(_ listener: Int32, _ host: String, _ port: Int) async {
        interest[listener] = Int16(POLLIN)
        defer {
            interest[listener] = nil
            Glibc.close(listener)
        }
        while usable {
            let accepted = accept(listener, nil, nil)
            if accepted < 0 {
                do { try await activity(until: nil) } catch { return }
                continue
            }
            _ = fcntl(accepted, F_SETFL, O_NONBLOCK)
            _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
            Task {
                do {
                    let channel = try await openForward(to: host, port: port, until: .now + .seconds(20))
                    await pump(channel, accepted)
                } catch {
                    Glibc.close(accepted)
                }
            }
        }
    }
}
