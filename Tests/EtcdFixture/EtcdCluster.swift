import Glibc
import TestHost

/// Real etcd servers on loopback with random ports and a directory in /tmp, for tests.
///
/// They are killed by ``stop()``, and also when the test process dies.
public final class EtcdCluster: Sendable {
    public let clientPorts: [Int]
    private let processes: [pid_t]
    private let watchdog: pid_t
    /// The write end of a socket pair; closing it makes the watchdog end the servers.
    private let leash: Int32

    public enum Signal: Sendable {
        case kill, stop, resume

        var number: Int32 {
            switch self {
            case .kill: SIGKILL
            case .stop: SIGSTOP
            case .resume: SIGCONT
            }
        }
    }

    /// - Parameter arguments: further arguments of each server.
    public init(members: Int = 1, arguments: [String] = []) {
        var template = Array("/tmp/etcd-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { fatalError("mkdtemp: errno \(errno)") }
        let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let ports = freePorts(2 * members)
        clientPorts = Array(ports.prefix(members))
        let peers = Array(ports.suffix(members))
        let scheme = arguments.contains("--client-cert-auth") ? "https" : "http"
        let cluster = peers.enumerated().map { "m\($0)=http://127.0.0.1:\($1)" }.joined(separator: ",")
        var processes: [pid_t] = []
        for index in 0..<members {
            let url = "\(scheme)://127.0.0.1:\(ports[index])"
            processes.append(
                Self.spawn(
                    ["/usr/bin/etcd", "--name", "m\(index)", "--data-dir", "\(directory)/m\(index)",
                        "--listen-client-urls", url, "--advertise-client-urls", url,
                        "--listen-peer-urls", "http://127.0.0.1:\(peers[index])",
                        "--initial-advertise-peer-urls", "http://127.0.0.1:\(peers[index])",
                        "--initial-cluster", cluster, "--initial-cluster-state", "new",
                        "--heartbeat-interval", "50", "--election-timeout", "500", "--unsafe-no-fsync"] + arguments,
                    stdin: nil, log: "\(directory)/m\(index).log"))
        }
        self.processes = processes
        var ends: [Int32] = [0, 0]
        guard socketpair(AF_UNIX, Self.closedOnExec, 0, &ends) == 0 else { fatalError("socketpair: errno \(errno)") }
        let pids = processes.map(String.init).joined(separator: " ")
        watchdog = Self.spawn(
            ["/bin/sh", "-c", "read x; kill -9 \(pids) 2>/dev/null; rm -rf '\(directory)'"], stdin: ends[0], log: nil)
        close(ends[0])
        leash = ends[1]
    }

    public func signal(_ signal: Signal, member: Int) {
        kill(processes[member], signal.number)
    }

    /// Kills the servers and removes their directory.
    public func stop() {
        close(leash)
        for process in processes + [watchdog] {
            var status: Int32 = 0
            waitpid(process, &status, 0)
        }
    }

    /// Runs a program to its end; true when it exits with 0.
    @discardableResult
    public static func run(_ arguments: [String]) -> Bool {
        var status: Int32 = 0
        waitpid(spawn(arguments, stdin: nil, log: "/dev/null"), &status, 0)
        return status == 0
    }

    private static func spawn(_ arguments: [String], stdin: Int32?, log: String?) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let stdin {
            posix_spawn_file_actions_adddup2(&actions, stdin, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        if let log {
            posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
            posix_spawn_file_actions_adddup2(&actions, 1, 2)
        }
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var environment: [UnsafeMutablePointer<CChar>?] = [strdup("PATH=/usr/bin:/bin"), nil]
        defer { for pointer in environment { free(pointer) } }
        var pid: pid_t = 0
        let result = posix_spawn(&pid, arguments[0], &actions, nil, &pointers, &environment)
        guard result == 0 else { fatalError("cannot start \(arguments[0]): error \(result)") }
        return pid
    }

    /// Tests start servers side by side; none may inherit another one's socket.
    private static let closedOnExec = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
}


/// Seconds on CLOCK_MONOTONIC, for the bounds that tests assert.
public func monotonicSeconds() -> Double {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
}

/// CPU seconds this process has used.
public func processorSeconds() -> Double {
    var now = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
}
