import Glibc

/// A local program run to its end with a time limit; blocking, for ``onThread(_:)``.
struct ChildProcess: Sendable {
    struct Output: Equatable, Sendable {
        /// The exit code; 128 + n for a signal.
        var status: Int32
        var output: [UInt8]
        var error: [UInt8]
        var text: String { String(decoding: output, as: UTF8.self) }
        var errorText: String { String(decoding: error, as: UTF8.self) }
    }

    enum Failure: Error, Equatable, Sendable {
        case notStarted(String)
        case timeout
    }

    /// Starts a program found in PATH, its standard streams on the given descriptors.
    static func spawn(_ words: [String], environment: [String], streams: (Int32, Int32, Int32)) throws(Failure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (index, descriptor) in [streams.0, streams.1, streams.2].enumerated() {
            posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(index))
        }
        // Swift's worker threads block signals; a child that inherited that could not be ended with SIGTERM.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { for pointer in arguments + variables { free(pointer) } }
        var pid = pid_t()
        let code = posix_spawnp(&pid, words[0], &actions, &attributes, &arguments, &variables)
        if code != 0 { throw .notStarted(String(cString: strerror(code))) }
        return pid
    }

    /// This process's environment.
    static var environment: [String] {
        var list: [String] = []
        var entry = environ
        while let text = entry.pointee {
            list.append(String(cString: text))
            entry += 1
        }
        return list
    }

    static func run(
        _ words: [String], environment: [String] = environment, timeout: Duration
    ) throws(Failure) -> Output {
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(null) }
        var out: [Int32] = [-1, -1], err: [Int32] = [-1, -1]
        // Socket pairs, since they can be close-on-exec from the start: a copy leaked into another child would keep
        // the stream open after this child's end.
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        socketpair(AF_UNIX, type, 0, &out)
        socketpair(AF_UNIX, type, 0, &err)
        defer { close(out[0]); close(err[0]) }
        let pid: pid_t
        do { pid = try spawn(words, environment: environment, streams: (null, out[1], err[1])) } catch {
            close(out[1])
            close(err[1])
            throw error
        }
        close(out[1])
        close(err[1])
        var result = Output(status: 0, output: [], error: [])
        let finished = collect(out[0], err[0], into: &result, until: .now + timeout)
        if !finished { kill(pid, SIGKILL) }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        if !finished { throw .timeout }
        let signal = status & 0x7f
        result.status = signal == 0 ? status >> 8 & 0xff : 128 + signal
        return result
    }

    private static func collect(
        _ out: Int32, _ err: Int32, into result: inout Output, until deadline: ContinuousClock.Instant
    ) -> Bool {
        var open = [out, err]
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while !open.isEmpty {
            let (seconds, attoseconds) = ContinuousClock.now.duration(to: deadline).components
            let left = seconds * 1000 + attoseconds / 1_000_000_000_000_000
            if left <= 0 { return false }
            var list = open.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            poll(&list, nfds_t(list.count), Int32(min(left + 1, 60_000)))
            for entry in list where entry.revents != 0 {
                let count = read(entry.fd, &buffer, buffer.count)
                if count > 0 {
                    if entry.fd == out { result.output += buffer[0..<count] } else { result.error += buffer[0..<count] }
                } else if count == 0 || errno != EAGAIN && errno != EINTR {
                    open.removeAll { $0 == entry.fd }
                }
            }
        }
        return true
    }
}
