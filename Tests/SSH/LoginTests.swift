import FoundationEssentials
import Glibc
import Shell
import TestHost
import Testing

@testable import SSH

@Suite("Logging in")
struct LoginTests {
    @Test("a key file of every kind logs in", arguments: ["ed25519", "ecdsa", "rsa", "rsa_pem", "ecdsa_pem"])
    func keyFile(_ key: String) async throws {
        let server = try SSHServer()
        let result = try await server.host(key: key).run("echo hello; id -un")
        #expect(result == CommandResult(status: 0, standardOutput: Array("hello\nroot\n".utf8)))
    }

    @Test("a key of every kind logs in from the ssh-agent", arguments: ["ed25519", "ecdsa", "rsa"])
    func agent(_ key: String) async throws {
        let server = try SSHServer()
        let agent = try TestAgent(keys: [key])
        #expect(try await server.host(key: nil, agent: agent.socket).run("id -un").output == "root\n")
    }

    @Test("with IdentitiesOnly the agent offers only the key that is named")
    func identitiesOnly() async throws {
        let server = try SSHServer(settings: ["LogLevel VERBOSE"])
        let agent = try TestAgent(keys: ["ed25519", "ecdsa"])
        var target = server.target(key: "ecdsa", agent: agent.socket)
        target.identitiesOnly = true
        _ = try await SSHHost(name: "h1", target: target).run("true")
        #expect(!server.scratch.read("log").contains("Accepted key ED25519"))
    }

    @Test("a key file with a passphrase logs in when the passphrase is known")
    func passphrase() async throws {
        let server = try SSHServer()
        var options = SSHOptions()
        options.passphrase = { _ in "open sesame" }
        #expect(try await server.host(key: "ed25519_secret", options: options).run("id -un").output == "root\n")
    }

    @Test("keys that cannot be used are listed with the reason")
    func nothingAccepted() async throws {
        let server = try SSHServer()
        let keys = LoginKeys.scratch
        let stranger = Scratch()
        try local("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger.file("stranger"))
        stranger.write("nonsense", "hello\n")
        var target = server.target(key: nil, agent: stranger.file("no-agent"))
        target.identityFiles = [
            keys.file("ed25519_secret"), keys.file("rsa_secret"), stranger.file("stranger"), stranger.file("nonsense"),
            stranger.file("absent"),
        ]
        let error = await sshError { _ = try await SSHHost(name: "h1", target: target).run("true") }
        #expect(error?.code == .authentication)
        #expect(error?.check == "ssh.auth")
        let expected = """
            h1: root@127.0.0.1:\(server.port) accepted no key; tried: \
            agent (no ssh-agent at \(stranger.file("no-agent")): No such file or directory), \
            \(keys.file("ed25519_secret")) (needs a passphrase, none is known: name its source in the inventory or use \
            the agent), \(keys.file("rsa_secret")) (an RSA key with a passphrase: load it into the agent with \
            ssh-add \(keys.file("rsa_secret"))), \(stranger.file("stranger")), \
            \(stranger.file("nonsense")) (it is not a private key in OpenSSH or PEM format). \
            Add a public key to ~root/.ssh/authorized_keys on the host, or name the right key (ssh.key in the inventory, \
            IdentityFile in ~/.ssh/config) or load it into the agent (ssh-add KEY). \
            Test: ssh -p \(server.port) root@127.0.0.1 true
            """
        #expect(error?.description == expected)
    }

    @Test("a wrong passphrase is told apart from a key that is not accepted")
    func wrongPassphrase() async throws {
        let server = try SSHServer()
        var options = SSHOptions()
        options.passphrase = { _ in "wrong" }
        let error = await sshError { _ = try await server.host(key: "ed25519_secret", options: options).run("true") }
        let message = try #require(error?.message)
        #expect(message.contains("ed25519_secret (wrong passphrase?)"), "\(message)")
    }
}

@Suite("Reaching a host")
struct ReachTests {
    @Test("an alias of the OpenSSH configuration is resolved, jump host included")
    func alias() async throws {
        let server = try SSHServer()
        let inner = try SSHServer()
        let config = Scratch()
        config.write("known_hosts", server.scratch.read("known_hosts") + inner.scratch.read("known_hosts"))
        config.write("config", """
            Host bastion
              HostName 127.0.0.1
              Port \(server.port)
              User root
            Host db1
              HostName 127.0.0.1
              Port \(inner.port)
              User root
              ProxyJump bastion
            Host *
              IdentityFile \(LoginKeys.scratch.file("ed25519"))
              UserKnownHostsFile \(config.file("known_hosts"))
              IdentityAgent none
            """)
        let resolver = SSHResolver(configFile: config.file("config"))
        let target = try await resolver.resolve(SSHRequest(alias: "db1"), hostName: "db1")
        #expect(target.port == inner.port)
        #expect(target.jumps.map(\.port) == [server.port])
        #expect(target.agentSocket == nil)
        #expect(try await SSHHost(name: "db1", target: target).run("echo through").output == "through\n")
        #expect(server.scratch.read("log").contains("Accepted publickey"))
    }

    @Test("ten megabytes go through two jump hosts and back unchanged")
    func jumpChain() async throws {
        let first = try SSHServer(), second = try SSHServer(), last = try SSHServer()
        let target = last.target(jumps: [first.target(), second.target()])
        let bytes = (0..<10_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        let result = try await SSHHost(name: "h1", target: target).run("cat", standardInput: bytes, deadline: .seconds(60))
        #expect(result.standardOutput == bytes)
    }

    @Test("a port where nothing listens is an error with the system's reason")
    func refused() async throws {
        let target = SSHTarget(host: "127.0.0.1", port: freePorts(1)[0], user: "root", knownHostsFiles: [])
        let error = await sshError { _ = try await SSHHost(name: "h1", target: target).run("true") }
        #expect(error?.code == .unreachable)
        #expect(error?.message.contains("Connection refused") == true)
    }

    @Test("a server that accepts and says nothing ends at the deadline")
    func silent() async throws {
        let silent = try SilentServer()
        let target = SSHTarget(host: "127.0.0.1", port: silent.port, user: "root", knownHostsFiles: [])
        let start = ContinuousClock.now
        let error = await sshError { _ = try await SSHHost(name: "h1", target: target).run("true", deadline: .milliseconds(400)) }
        #expect(error?.code == .deadline)
        #expect(start.duration(to: .now) < .seconds(10))
    }

    @Test("a server without an algorithm in common says which settings are missing")
    func algorithms() async throws {
        let server = try SSHServer(settings: ["Ciphers chacha20-poly1305@openssh.com"])
        let error = await sshError { _ = try await server.host().run("true") }
        #expect(error?.code == .algorithms)
        #expect(error?.message.contains("Ciphers aes128-ctr") == true)
        #expect(error?.message.contains("libssh2 \(libraryVersion) speaks") == true)
    }

    @Test("a forwarded port carries connections to the far side")
    func forward() async throws {
        let server = try SSHServer()
        let inner = try SSHServer()
        let host = server.host()
        let port = try await host.forward(to: "127.0.0.1", port: inner.port)
        var target = inner.target()
        target.port = port
        target.hostKeyAlias = "[127.0.0.1]:\(inner.port)"
        #expect(try await SSHHost(name: "h2", target: target).run("echo far").output == "far\n")
        await host.disconnect()
    }
}

@Suite("Host keys")
struct HostKeyTests {
    @Test("an unknown host key is an error with its fingerprint and the command that adds it")
    func unknown() async throws {
        let server = try SSHServer(known: [])
        let fingerprint = try fingerprint(server, "ed25519")
        let error = await sshError { _ = try await server.host().run("true") }
        #expect(error?.code == .unknownHostKey)
        #expect(error?.description == """
            h1: the host key of [127.0.0.1]:\(server.port) is not known: the server shows ssh-ed25519 \(fingerprint). \
            Compare the fingerprint on the host's console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub). \
            If it is right: ssh-keyscan -t ed25519 -p \(server.port) 127.0.0.1 >> \(server.scratch.file("known_hosts"))
            """)
        #expect(error?.check == "ssh.hostkey")
    }

    @Test("a changed host key is an error that names file and line")
    func changed() async throws {
        let server = try SSHServer()
        let other = Scratch()
        try local("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other.file("other"))
        server.scratch.write("known_hosts", "# ours\n[127.0.0.1]:\(server.port) \(other.read("other.pub"))")
        let file = server.scratch.file("known_hosts")
        let error = await sshError { _ = try await server.host().run("true") }
        #expect(error?.code == .changedHostKey)
        #expect(error?.message.contains("CHANGED") == true)
        #expect(error?.message.contains("but \(file):2 has SHA256:") == true)
        #expect(error?.message.contains("ssh-keygen -R '[127.0.0.1]:\(server.port)' -f \(file)") == true)
    }

    @Test("the key type that is known is asked for, even when the server prefers another")
    func preferred() async throws {
        let server = try SSHServer(hostKeys: ["ecdsa", "ed25519"], known: ["ed25519"])
        #expect(try await server.host().run("true").succeeded)
    }

    @Test("an entry for RSA only does not look like a changed key")
    func onlyRSA() async throws {
        let server = try SSHServer(hostKeys: ["rsa", "ecdsa"], known: ["rsa"])
        let error = await sshError { _ = try await server.host().run("true") }
        #expect(error?.code == .unknownHostKey)
        #expect(error?.message.contains("known_hosts:1 has only ssh-rsa") == true)
        let old = try SSHServer(hostKeys: ["rsa", "ecdsa"], known: ["rsa"], settings: ["HostKeyAlgorithms +ssh-rsa"])
        #expect(try await old.host().run("true").succeeded)
    }

    @Test("a hashed entry is found")
    func hashed() async throws {
        let server = try SSHServer()
        try local("ssh-keygen", "-q", "-H", "-f", server.scratch.file("known_hosts"))
        #expect(server.scratch.read("known_hosts").hasPrefix("|1|"))
        #expect(try await server.host().run("true").succeeded)
    }

    @Test("patterns, negation and markers of known_hosts are understood")
    func patterns() throws {
        let text = """
            # comment

            *.example.org,!bad.example.org ssh-ed25519 AAAA
            @revoked old.example.org ssh-ed25519 AAAA
            @cert-authority *.example.org ssh-ed25519 AAAA
            [db]:2222 ssh-rsa AAAA trailing comment
            broken
            """
        let lines = KnownHosts.parse(text, file: "f")
        #expect(lines.map(\.line) == [3, 4, 5, 6])
        #expect(lines[0].matches("Good.Example.org"))
        #expect(!lines[0].matches("bad.example.org"))
        #expect(lines[1].marker == .revoked)
        #expect(lines[3].matches("[db]:2222") && !lines[3].matches("db"))
    }

    private func fingerprint(_ server: SSHServer, _ type: String) throws -> String {
        let line = try local("ssh-keygen", "-lf", server.scratch.file("host_\(type).pub")).text
        return String(line.split(separator: " ")[1])
    }
}
