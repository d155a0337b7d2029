import AgentFixture
import Foundation
import JSON

/// How a program ended and what it said.
struct Outcome: Sendable {
    var code: Int32
    var output: String
    var errors: String
    var text: String { output + errors }
}

/// The programs that people and machines run against Patroni.
enum ClientPrograms {
    /// Where scripts/clients puts what it fetches.
    private static let caches: [String] = {
        var places = ["/var/cache"]
        let environment = ProcessInfo.processInfo.environment
        if let cache = environment["XDG_CACHE_HOME"] { places.append(cache) }
        if let home = environment["HOME"] { places.append(home + "/.cache") }
        return places.map { $0 + "/pgadopt" }
    }()

    /// Patroni's own programs and check_patroni; nil: they could not be fetched.
    static let directory = caches.map { $0 + "/clients-patroni-4.1.5" }
        .first { FileManager.default.fileExists(atPath: $0 + "/complete") }

    /// vip-manager, which needs root to give addresses to interfaces; nil: it could not be fetched.
    static let vipManager = caches.map { $0 + "/vip-manager/usr/bin/vip-manager" }
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    static let haproxy = "/usr/sbin/haproxy"
    static let hasHAProxy = FileManager.default.isExecutableFile(atPath: haproxy)
    static let absence = "Patroni's own programs are not here; scripts/clients fetches them from PyPI"

    static func path(_ name: String) -> String { "\(directory ?? "/nowhere")/bin/\(name)" }

    /// Runs a program to its end; after `limit` seconds it is ended with code 124.
    static func run(
        _ words: [String], in directory: String, input: String = "", environment: [String: String] = [:],
        limit: Int = 180
    ) async throws -> Outcome {
        let name = "\(directory)/run-\(UUID().uuidString)"
        let files = try ["in", "out", "err"].map { suffix in
            try Data((suffix == "in" ? input : "").utf8).write(to: URL(fileURLWithPath: "\(name).\(suffix)"))
            return try suffix == "in"
                ? FileHandle(forReadingFrom: URL(fileURLWithPath: "\(name).in"))
                : FileHandle(forWritingTo: URL(fileURLWithPath: "\(name).\(suffix)"))
        }
        // A Process keeps its handles open, and some of them live as long as the tests.
        defer { for file in files { try? file.close() } }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        process.arguments = ["--kill-after=5", "\(limit)"] + words
        process.environment = [
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": directory, "LC_ALL": "C.UTF-8", "COLUMNS": "250",
        ].merging(environment) { $1 }
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        (process.standardInput, process.standardOutput, process.standardError) = (files[0], files[1], files[2])
        let code = try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        func text(_ suffix: String) throws -> String { try String(contentsOfFile: "\(name).\(suffix)", encoding: .utf8) }
        return Outcome(code: code, output: try text("out"), errors: try text("err"))
    }
}

extension AgentHarness {
    /// patronictl as an operator runs it, with a file that names the cluster and the store.
    func patronictl(
        _ words: String..., input: String = "", environment: [String: String] = [:]
    ) async throws -> Outcome {
        try write("scope: demo\netcd3: {hosts: '127.0.0.1:\(etcd.clientPorts[0])'}\n", to: "ctl.yml")
        return try await ClientPrograms.run(
            [ClientPrograms.path("patronictl"), "-c", "\(root)/ctl.yml"] + words, in: root, input: input,
            environment: environment)
    }

    /// Patroni itself, with the member's file.
    func startPatroni(_ name: String) throws {
        try startDaemon(name, ClientPrograms.path("patroni"), ["\(root)/\(name).yml"])
    }

    /// A cluster of three: the first member's server ran before, the others are copies of it.
    func startAll() async throws {
        try await startLegacyPrimary(members[0])
        for name in members { try startAgent(name) }
        try await eventually("the cluster is whole") { await self.isWhole(leader: self.members[0]) }
    }

    /// One leads, all others stream, and the store says so too: what a member tells there is a cycle behind itself.
    func isWhole(leader: String) async -> Bool {
        guard await isUp(leader, "/primary") else { return false }
        for name in members where name != leader {
            guard await streams(name) else { return false }
        }
        guard let text = try? await ask(leader, "GET", "/cluster").1, let cluster = try? JSON(parsing: text) else {
            return false
        }
        let states = cluster["members"]?.array?.map { $0["state"]?.string } ?? []
        return states.filter { $0 == "streaming" }.count == members.count - 1
    }

    // MARK: What an operator repeats when the machine is slow

    /// patronictl waits for the members for `loop_wait` + 1 s and then gives up waiting; the pause stays.
    func pause() async throws { try await toggle("pause", isPaused: true) }
    func resume() async throws { try await toggle("resume", isPaused: false) }

    private func toggle(_ word: String, isPaused: Bool) async throws {
        let outcome = try await patronictl(word, "--wait")
        let isUnderstood = outcome.text.contains("Success") || outcome.text.contains("recogni")
        guard outcome.code == 0, isUnderstood else { throw HarnessError("\(word): \(outcome.text)") }
        try await eventually("every member knows of the \(word)") {
            let view = try await self.view()
            return self.members.allSatisfy { view.member($0)?.pause == isPaused }
        }
    }

    /// The API waits 20 s for the end of a switchover and then says that it may still be under way.
    func switchOver(from leader: String, to candidate: String) async throws {
        let outcome = try await patronictl("switchover", "demo", "--leader", leader, "--candidate", candidate, "--force")
        let isUnderstood = outcome.text.contains("Successfully switched over to \"\(candidate)\"")
            || outcome.text.contains("may still be in progress")
        guard isUnderstood else { throw HarnessError("switchover to \(candidate): \(outcome.text)") }
        try await eventually("\(candidate) leads") { try await self.view().leader?.name == candidate }
    }
}
