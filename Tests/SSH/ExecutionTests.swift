import FoundationEssentials
import Glibc
import Shell
import Synchronization
import Testing

@testable import SSH

@Suite("Running commands")
struct ExecutionTests {
    @Test("exit code, both outputs and an ending by signal arrive")
    func results() async throws {
        let server = try SSHServer()
        let host = server.host()
        let result = try await host.run("echo out; echo err >&2; exit 3")
        #expect(result == CommandResult(status: 3, standardOutput: Array("out\n".utf8), standardError: Array("err\n".utf8)))
        #expect(try await host.run("kill -TERM $$").status == 143)
        #expect(try await host.run("exec true").status == 0)
    }

    @Test("a command of every awkward character is run as it was written")
    func quoting() async throws {
        let server = try SSHServer()
        let awkward = "a'b\"c\\d!e$f`g%h\ni\tjäö*?[]{}~#&|;<>()"
        #expect(try await server.host().run("printf %s \(quoted(awkward))").output == awkward)
        #expect(CommandText.sh("x!'\\\n").contains(where: { "!\n".contains($0) }) == false)
    }

    @Test("ten megabytes of input come back unchanged, and a command may leave its input unread")
    func input() async throws {
        let server = try SSHServer()
        let host = server.host()
        let bytes = (0..<10_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        let seen = Mutex(0)
        let result = try await host.run(
            "cat", as: .login, standardInput: bytes, deadline: .seconds(60), onOutput: { part in seen.withLock { $0 += part.count } })
        #expect(result.standardOutput == bytes)
        #expect(seen.withLock { $0 } == bytes.count)
        #expect(try await host.run("exit 4", standardInput: bytes).status == 4)
    }

    @Test("a deadline ends the call and leaves the connection usable")
    func deadline() async throws {
        let server = try SSHServer()
        let host = server.host()
        try await host.connect()
        let start = ContinuousClock.now
        let error = await sshError { _ = try await host.run("sleep 30", deadline: .milliseconds(300)) }
        #expect(error?.code == .deadline)
        #expect(start.duration(to: .now) < .seconds(10))
        #expect(try await host.run("echo still").output == "still\n")
        #expect(connections(server) == 1)
    }

    @Test("cancelling the task ends the wait and leaves the connection usable")
    func cancellation() async throws {
        let server = try SSHServer()
        let host = server.host()
        try await host.connect()
        let task = Task { try await host.run("echo begun; sleep 30") }
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
        #expect(try await host.run("echo still").output == "still\n")
    }

    @Test("twenty commands at once share one connection")
    func many() async throws {
        let server = try SSHServer()
        let host = server.host()
        let sum = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<20 {
                group.addTask { Int(try await host.run("echo \(number); sleep 0.1").output.dropLast()) ?? -1000 }
            }
            return try await group.reduce(0, +)
        }
        #expect(sum == 190)
        #expect(connections(server) == 1)
    }

    @Test("a connection cut in the middle is an error, and the next command connects again")
    func cut() async throws {
        let server = try SSHServer()
        let host = server.host()
        // $PPID is the sshd of this session: the cut comes from the other side, in the middle of a command.
        let error = await sshError { _ = try await host.run("kill -9 $PPID; sleep 30") }
        #expect(error?.code == .closed)
        #expect(error?.message.contains("broke") == true)
        #expect(try await host.run("echo again").output == "again\n")
        #expect(connections(server) == 2)
    }

    @Test("output beyond the limit is cut off with an error")
    func tooMuch() async throws {
        let server = try SSHServer()
        var options = SSHOptions()
        options.outputLimit = 100_000
        let host = server.host(options: options)
        let error = await sshError { _ = try await host.run("cat /dev/zero") }
        #expect(error?.code == .outputTooLarge)
        #expect(try await host.run("echo still").output == "still\n")
    }

    @Test("what a profile prints is kept out of the result")
    func noise() async throws {
        // The forced command stands for a login shell with a noisy profile.
        let server = try SSHServer(settings: [
            "ForceCommand echo Welcome; echo beware >&2; printf 'no newline'; eval \"$SSH_ORIGINAL_COMMAND\"",
        ])
        let result = try await server.host().run("echo out; echo err >&2; exit 5")
        #expect(result == CommandResult(status: 5, standardOutput: Array("out\n".utf8), standardError: Array("err\n".utf8)))
    }

    @Test("a login shell that runs nothing is an error with its words")
    func noShell() async throws {
        let server = try SSHServer(settings: ["ForceCommand echo This account is not available.; exit 1"])
        let error = await sshError { _ = try await server.host().run("true") }
        #expect(error?.code == .shell)
        #expect(error?.message.contains("This account is not available.") == true)
    }

    @Test("commands of another account go through sudo, those of the login user do not")
    func sudo() async throws {
        let server = try SSHServer()
        let host = server.host()
        #expect(try await host.run("id -un", as: .root).output == "root\n")
        #expect(try await host.run("id -un; echo \"it's\"", as: .user("nobody")).output == "nobody\nit's\n")
        var options = SSHOptions()
        options.useSudo = false
        let error = await sshError { _ = try await server.host(options: options).run("id", as: .user("nobody")) }
        #expect(error?.code == .sudo)
    }

    @Test("sudo's refusal is an error with the line to add to sudoers")
    func refusal() async throws {
        let server = try SSHServer()
        let error = await sshError { _ = try await server.host().run("id", as: .user("no-such-user")) }
        #expect(error?.code == .sudo)
        #expect(error?.check == "ssh.sudo")
        #expect(error?.message.contains("knows no user no-such-user") == true)
        let password = SudoRefusal(["sudo: a password is required"])
        #expect(password?.reason == .password)
        #expect(password?.message(login: "ada", user: "postgres").contains("ada ALL=(ALL) NOPASSWD: ALL") == true)
        #expect(SudoRefusal(["sudo: sorry, you must have a tty to run sudo"])?.reason == .terminal)
        #expect(SudoRefusal(["ada is not in the sudoers file."])?.reason == .notAllowed)
        #expect(SudoRefusal(["/bin/sh: 1: exec: sudo: not found"])?.reason == .missing)
        #expect(SudoRefusal(["This account is not available."]) == nil)
    }

    private func connections(_ server: SSHServer) -> Int {
        server.scratch.read("log").split(whereSeparator: \.isNewline).filter { $0.contains("Accepted publickey") }.count
    }
}

@Suite("Uploading files")
struct UploadTests {
    @Test("a file arrives whole, with owner, group and mode, and replaces the old one")
    func upload() async throws {
        let server = try SSHServer()
        let scratch = Scratch()
        scratch.write("it's here", "old")
        let path = scratch.file("it's here")
        try await server.host().upload(
            Array("new\n".utf8), to: path, attributes: FileAttributes(owner: "nobody", group: "nogroup", mode: 0o640))
        #expect(scratch.read("it's here") == "new\n")
        #expect(try local("stat", "-c", "%U:%G %a", path).text == "nobody:nogroup 640\n")
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["it's here"])
    }

    @Test("a local file of a hundred megabytes is streamed with progress")
    func large() async throws {
        let server = try SSHServer()
        let scratch = Scratch()
        try local("truncate", "-s", "100M", scratch.file("from"))
        let seen = Mutex(0)
        try await server.host().uploadFile(
            scratch.file("from"), to: scratch.file("to"), progress: { count in seen.withLock { $0 = count } })
        #expect(seen.withLock { $0 } == 100 << 20)
        try local("cmp", scratch.file("from"), scratch.file("to"))
    }

    @Test("a file that arrives otherwise than it was sent leaves the old one and no rest")
    func checksum() async throws {
        let scratch = Scratch()
        scratch.write("file", "old")
        let server = try SSHServer()
        let script = SSHHost.uploadScript(path: scratch.file("file"), sum: "0000", .init())
        let result = try await server.host().run(script, standardInput: Array("torn".utf8))
        #expect(result.status == 65)
        #expect(result.errorOutput.hasPrefix("checksum differs: sent 0000, arrived "))
        #expect(scratch.read("file") == "old")
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["file"])
    }

    @Test("a directory that does not exist is an error in the host's words")
    func noDirectory() async throws {
        let server = try SSHServer()
        let error = await sshError { try await server.host().upload([1], to: "/no/such/file") }
        #expect(error?.code == .upload)
        #expect(error?.message.contains("/no/such") == true)
    }
}
