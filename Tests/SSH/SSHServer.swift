import FoundationEssentials
import Glibc
import Shell
import TestHost
import Testing

@testable import SSH

/// A directory that goes away with the value.
final class Scratch: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/pgadopt-ssh-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    func write(_ name: String, _ text: String, mode: mode_t = 0o600) {
        precondition(FileManager.default.createFile(atPath: file(name), contents: Data(text.utf8)))
        chmod(file(name), mode)
    }

    func read(_ name: String) -> String {
        String(decoding: FileManager.default.contents(atPath: file(name)) ?? Data(), as: UTF8.self)
    }
}

@discardableResult
func local(_ words: String...) throws -> ChildProcess.Output {
    let result = try ChildProcess.run(words, timeout: .seconds(60))
    #expect(result.status == 0, "\(words.joined(separator: " ")): \(result.errorText)")
    return result
}

/// A process that ends with the value.
final class Daemon: Sendable {
    let pid: pid_t

    init(_ words: [String], environment: [String] = ChildProcess.environment, log: String) throws {
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        let file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        defer { close(null); close(file) }
        pid = try ChildProcess.spawn(words, environment: environment, streams: (null, file, file))
    }

    deinit {
        kill(pid, SIGTERM)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }
}

/// Key pairs made once for all tests; every server accepts all of them.
enum LoginKeys {
    static let all = [
        ("ed25519", ["-t", "ed25519"]), ("ecdsa", ["-t", "ecdsa"]), ("rsa", ["-t", "rsa", "-b", "3072"]),
        ("rsa_pem", ["-t", "rsa", "-b", "3072", "-m", "PEM"]), ("ecdsa_pem", ["-t", "ecdsa", "-m", "PEM"]),
        ("ed25519_secret", ["-t", "ed25519"]), ("rsa_secret", ["-t", "rsa", "-b", "2048"]),
    ]

    static let scratch: Scratch = {
        let scratch = Scratch()
        atexit { LoginKeys.remove() }
        for (name, options) in all {
            let secret = name.hasSuffix("secret") ? "open sesame" : ""
            let words = ["ssh-keygen", "-q", "-N", secret, "-f", scratch.file(name)] + options
            precondition((try? ChildProcess.run(words, timeout: .seconds(60)).status) == 0)
        }
        return scratch
    }()

    private static func remove() { try? FileManager.default.removeItem(atPath: scratch.path) }
}

/// A real sshd on 127.0.0.1 with keys and configuration of its own.
final class SSHServer: Sendable {
    let scratch: Scratch
    let port: Int
    let daemon: Daemon

    /// - Parameter hostKeys: types of host keys; the first is the one to be known.
    init(hostKeys: [String] = ["ed25519"], known: [String]? = nil, settings: [String] = []) throws {
        let scratch = Scratch()
        let port = freePorts(1)[0]
        self.scratch = scratch
        self.port = port
        try? FileManager.default.createDirectory(atPath: "/run/sshd", withIntermediateDirectories: true)
        for type in hostKeys {
            try local("ssh-keygen", "-q", "-t", type, "-N", "", "-f", scratch.file("host_\(type)"))
        }
        let keys = LoginKeys.all.map { LoginKeys.scratch.read("\($0.0).pub") }.joined()
        scratch.write("authorized_keys", keys)
        let known = (known ?? hostKeys).map { "[127.0.0.1]:\(port) \(scratch.read("host_\($0).pub"))" }.joined()
        scratch.write("known_hosts", known)
        var config = hostKeys.map { "HostKey \(scratch.file("host_\($0)"))" }
        config += [
            "Port \(port)", "ListenAddress 127.0.0.1", "PidFile none", "UsePAM no", "StrictModes no",
            "PermitRootLogin yes", "PasswordAuthentication no", "KbdInteractiveAuthentication no", "MaxStartups 100",
        ]
        // sshd takes the first value of a keyword, so the test's settings go before the defaults.
        config = settings + config + ["AuthorizedKeysFile \(scratch.file("authorized_keys"))"]
        scratch.write("sshd_config", config.joined(separator: "\n") + "\n")
        daemon = try Daemon(["/usr/sbin/sshd", "-D", "-e", "-f", scratch.file("sshd_config")], log: scratch.file("log"))
        for _ in 0..<500 where !listening { usleep(10_000) }
        #expect(listening, "sshd did not start: \(scratch.read("log"))")
    }

    private var listening: Bool { scratch.read("log").contains("Server listening") }

    func target(
        key: String? = "ed25519", agent: String? = nil, user: String = "root", jumps: [SSHTarget] = []
    ) -> SSHTarget {
        SSHTarget(
            host: "127.0.0.1", port: port, user: user, identityFiles: key.map { [LoginKeys.scratch.file($0)] } ?? [],
            agentSocket: agent, knownHostsFiles: [scratch.file("known_hosts")], jumps: jumps)
    }

    func host(key: String? = "ed25519", agent: String? = nil, options: SSHOptions = .init()) -> SSHHost {
        SSHHost(name: "h1", target: target(key: key, agent: agent), options: options)
    }
}

/// The error a body ends with.
func sshError(_ body: () async throws -> Void) async -> SSHError? {
    do {
        try await body()
        return nil
    } catch let error as SSHError {
        return error
    } catch {
        Issue.record("not an SSHError: \(error)")
        return nil
    }
}

/// An ssh-agent of the test's own.
final class TestAgent: Sendable {
    let socket: String
    private let scratch: Scratch
    private let daemon: Daemon

    init(keys: [String]) throws {
        scratch = Scratch()
        socket = scratch.file("agent")
        daemon = try Daemon(["ssh-agent", "-D", "-a", socket], log: scratch.file("log"))
        for _ in 0..<500 where access(socket, F_OK) != 0 { usleep(10_000) }
        let environment = ChildProcess.environment + ["SSH_AUTH_SOCK=\(socket)"]
        for key in keys {
            let words = ["ssh-add", "-q", LoginKeys.scratch.file(key)]
            let result = try ChildProcess.run(words, environment: environment, timeout: .seconds(10))
            #expect(result.status == 0, "\(result.errorText)")
        }
    }
}

/// Accepts connections in the kernel's queue and never says a word.
final class SilentServer: Sendable {
    let port: Int
    private let descriptor: Int32

    init() throws {
        let port = freePorts(1)[0]
        self.port = port
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = UInt16(port).bigEndian
        let listening = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 && listen(descriptor, 4) == 0
            }
        }
        try #require(listening)
    }

    deinit { close(descriptor) }
}
