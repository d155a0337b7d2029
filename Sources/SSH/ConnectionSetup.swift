import CLibSSH2
import Glibc

/// TCP, handshake and login.
extension Connection {
    /// Waits until the connection is usable; the first caller starts it.
    func ready(until deadline: Instant) async throws {
        if case .idle = state {
            state = .connecting
            Task { await establish() }
        }
        while true {
            switch state {
            case .ready: return
            case .broken(let error): throw error
            case .idle, .connecting: break
            }
            do {
                try await activity(until: deadline)
            } catch is DeadlinePassed {
                throw fault(.deadline, "no SSH connection to \(place) within the time given.")
            }
        }
    }

    private func establish() async {
        let deadline = ContinuousClock.now + options.connectTimeout
        do {
            let descriptor = if let via {
                try await via.tunnel(to: target.host, port: target.port, until: deadline)
            } else {
                try await dial(until: deadline)
            }
            guard let session = Session(Transport(descriptor: descriptor)) else {
                throw fault(.unreachable, "libssh2 could not make a session (out of memory?).")
            }
            self.session = session
            try await handshake(session, until: deadline)
            try await authenticate(session, until: deadline)
            libssh2_keepalive_config(session.raw, 1, UInt32(max(1, options.keepaliveInterval.components.seconds)))
            guard case .connecting = state else { return }
            state = .ready
            signal()
        } catch let error as SSHError {
            end(error)
        } catch is DeadlinePassed {
            let limit = options.connectTimeout.components.seconds
            end(fault(.deadline, """
                \(place) answered the TCP connection, but SSH handshake and login did not end within \(limit) s. \
                Is the host overloaded, or is something else than sshd listening there?
                """))
        } catch {
            end(fault(.unreachable, "\(error)"))
        }
    }

    // MARK: TCP

    private func dial(until deadline: Instant) async throws -> Int32 {
        let host = target.host
        let port = target.port
        let found = ResolvedAddresses()
        startThread { [weak self] in
            found.set(resolve(host, port))
            Task { await self?.signal() }
        }
        do {
            while found.value == nil { try await activity(until: deadline) }
        } catch is DeadlinePassed {
            throw fault(.unreachable, "the name \(host) could not be resolved in time. Is the DNS server reachable?")
        }
        let addresses: [SocketAddress]
        switch found.value! {
        case .success(let list): addresses = list
        case .failure(let problem):
            throw fault(.unreachable, "the name \(host) cannot be resolved: \(problem.text). Check ssh.host.")
        }
        var problems: [String] = []
        for (index, address) in addresses.enumerated() {
            // What is left of the time is shared among the addresses left, so that a dead first one does not eat it.
            let left = ContinuousClock.now.duration(to: deadline) / (addresses.count - index)
            do {
                return try await connect(to: address, until: min(deadline, .now + left))
            } catch let problem as AddressProblem {
                problems.append("\(address.text): \(problem.text)")
            }
        }
        throw fault(.unreachable, """
            no TCP connection to \(host) port \(port): \(problems.joined(separator: "; ")). \
            Is the host up, sshd running and the port right? Is a firewall or a jump host between?
            """)
    }

    private func connect(to address: SocketAddress, until deadline: Instant) async throws -> Int32 {
        let descriptor = socket(
            address.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw AddressProblem(text: String(cString: strerror(errno))) }
        var keep = false
        defer {
            interest[descriptor] = nil
            if !keep { Glibc.close(descriptor) }
        }
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        if address.withSockaddr({ Glibc.connect(descriptor, $0, $1) }) != 0, errno != EINPROGRESS {
            throw AddressProblem(text: String(cString: strerror(errno)))
        }
        while true {
            var probe = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            if poll(&probe, 1, 0) > 0 { break }
            interest[descriptor] = Int16(POLLOUT)
            do { try await activity(until: deadline) } catch is DeadlinePassed {
                throw AddressProblem(text: "no answer in time")
            }
        }
        var problem: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &problem, &size)
        if problem != 0 { throw AddressProblem(text: String(cString: strerror(problem))) }
        keep = true
        return descriptor
    }

    // MARK: Handshake

    private func handshake(_ session: Session, until deadline: Instant) async throws {
        let known = KnownHosts(for: target)
        preferHostKeys(session, known.keyTypes)
        let code = try await retry(until: deadline) {
            libssh2_session_handshake(session.raw, session.transport.descriptor)
        }
        if code != 0 { throw handshakeFailure(session, code) }
        var length = 0
        var type: Int32 = 0
        guard let bytes = libssh2_session_hostkey(session.raw, &length, &type) else {
            throw fault(.algorithms, "the server showed no host key.")
        }
        let key = bytes.withMemoryRebound(to: UInt8.self, capacity: length) {
            Array(UnsafeBufferPointer(start: $0, count: length))
        }
        try judge(known.verdict(on: key), key)
    }

    /// Known types first, so that the server shows a key that can be compared; the others after, so that a host with
    /// another key ends in an error with its fingerprint rather than in a failed handshake.
    private func preferHostKeys(_ session: Session, _ known: [String]) {
        var list: UnsafeMutablePointer<UnsafePointer<CChar>?>?
        let count = libssh2_session_supported_algs(session.raw, LIBSSH2_METHOD_HOSTKEY, &list)
        guard count > 0, let list else { return }
        let supported = (0..<Int(count)).compactMap { list[$0].map { String(cString: $0) } }
        libssh2_free(session.raw, list)
        let isKnown = { (algorithm: String) in
            known.contains(algorithm) || algorithm.hasPrefix("rsa-sha2-") && known.contains("ssh-rsa")
        }
        let order = supported.filter(isKnown) + supported.filter { !isKnown($0) }
        libssh2_session_method_pref(session.raw, LIBSSH2_METHOD_HOSTKEY, order.joined(separator: ","))
    }

    private func handshakeFailure(_ session: Session, _ code: Int32) -> SSHError {
        let version = libraryVersion
        switch code {
        case LIBSSH2_ERROR_KEX_FAILURE, LIBSSH2_ERROR_METHOD_NONE, LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE:
            return fault(.algorithms, """
                sshd on \(target.host):\(target.port) allows no algorithms that libssh2 \(version) speaks. libssh2 1.10 \
                needs one of each: Ciphers aes128-ctr, aes192-ctr or aes256-ctr; MACs hmac-sha2-256 or hmac-sha2-512 (not \
                only -etm); HostKeyAlgorithms ssh-ed25519 or ecdsa-sha2-nistp256 (not only RSA); KexAlgorithms \
                curve25519-sha256 or diffie-hellman-group-exchange-sha256. Add them in sshd_config on the host \
                (look with: sshd -T | grep -Ei '^(ciphers|macs|kex|hostkeyalgorithms)'), or run pgadopt where libssh2 \
                1.11 is installed (Debian 13), which adds RSA host keys, -etm MACs, AES-GCM and chacha20-poly1305.
                """)
        case LIBSSH2_ERROR_BANNER_RECV, LIBSSH2_ERROR_BANNER_SEND, LIBSSH2_ERROR_PROTO:
            return fault(.unreachable, """
                \(target.host) port \(target.port) accepts connections, but does not answer as an SSH server does. \
                Is the port right?
                """)
        default:
            let reason = session.transport.ended ?? session.lastError
            return fault(.unreachable, """
                \(target.host) port \(target.port) ended the SSH handshake: \(reason). A full MaxStartups queue or \
                a blocking rule (fail2ban, hosts.deny) does this; see the sshd log on the host.
                """)
        }
    }

    // MARK: Host key

    private func judge(_ verdict: KnownHosts.Verdict, _ key: [UInt8]) throws {
        let file = target.knownHostsFiles.first ?? "~/.ssh/known_hosts"
        let type = key.keyType ?? "unknown type"
        let fingerprint = KnownHosts.fingerprint(key)
        let name = target.knownHostsName
        switch verdict {
        case .known: return
        case .revoked(let line):
            throw fault(.changedHostKey, """
                the host key of \(name) (\(type) \(fingerprint)) is marked @revoked in \(line.file):\(line.line). \
                Do not connect before the host has a new key.
                """)
        case .changed(let line):
            throw fault(.changedHostKey, """
                the host key of \(name) CHANGED. The server shows \(type) \(fingerprint), but \(line.file):\(line.line) \
                has \(KnownHosts.fingerprint(line.key)). Either the host was reinstalled, or somebody sits between. \
                Compare the fingerprint on the host's console (ssh-keygen -lf /etc/ssh/\(hostKeyFile(type))). If it is \
                right: ssh-keygen -R \(quotedName(name)) -f \(line.file) && \(addCommand(file: file, type: type))
                """)
        case .unknown(let others):
            var text = "the host key of \(name) is not known: the server shows \(type) \(fingerprint)"
            if let other = others.first {
                let types = Set(others.map(\.keyType)).sorted().joined(separator: ", ")
                text += ", \(other.file):\(other.line) has only \(types)"
                if types == "ssh-rsa" {
                    text += " (libssh2 \(libraryVersion) and this sshd have no RSA signature in common)"
                }
            }
            throw fault(.unknownHostKey, """
                \(text). Compare the fingerprint on the host's console \
                (ssh-keygen -lf /etc/ssh/\(hostKeyFile(type))). If it is right: \(addCommand(file: file, type: type))
                """)
        }
    }

    private func hostKeyFile(_ type: String) -> String {
        if type.hasPrefix("ecdsa") { return "ssh_host_ecdsa_key.pub" }
        return type == "ssh-rsa" ? "ssh_host_rsa_key.pub" : "ssh_host_ed25519_key.pub"
    }

    private func quotedName(_ name: String) -> String { name.hasPrefix("[") ? "'\(name)'" : name }

    private func addCommand(file: String, type: String) -> String {
        let short = type.hasPrefix("ecdsa") ? "ecdsa" : type == "ssh-rsa" ? "rsa" : "ed25519"
        let scan = "ssh-keyscan -t \(short) -p \(target.port) \(target.host)"
        guard let jump = target.jumps.last else { return "\(scan) >> \(file)" }
        return "ssh -p \(jump.port) \(jump.user)@\(jump.host) \(scan) >> \(file)"
    }
}
