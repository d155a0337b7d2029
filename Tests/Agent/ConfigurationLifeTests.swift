import AgentFixture
import Cluster
import Glibc
import JSON
import Testing
import Timekeeping

/// Settings, restarts and new copies with the real programs on this host.
@Suite(.timeLimit(.minutes(5)), .serialized) struct ConfigurationLifeTests {
    @Test func settingsReachTheServerAndWaitForARestartWhereTheyMust() async throws {
        try await withAgents(["a", "b"]) { cluster in
            try await cluster.startLegacyPrimary("a")
            try cluster.startAgent("a")
            try await cluster.eventually("a leads") { await cluster.isUp("a", "/primary") }
            try cluster.startAgent("b")
            try await cluster.eventually("b streams") { await cluster.streams("b") }

            // By the store's watch: at once, on every member.
            let patch: JSON = ["postgresql": ["parameters": ["work_mem": "5MB", "max_connections": 130]]]
            #expect(try await cluster.ask("b", "PATCH", "/config", patch).0 == 200)
            for name in ["a", "b"] {
                try await cluster.eventually("work_mem on \(name)") { try await cluster.sql(name, "show work_mem") == "5MB" }
                try await cluster.eventually("\(name) tells that a restart is pending") {
                    let member = try await cluster.view().member(name)
                    return member?.pendingRestartReason["max_connections"]
                        == ["old_value": "100", "new_value": "130"]
                }
                #expect(try await cluster.ask(name, "GET", "/patroni").1.contains("pending_restart"))
            }
            let cached = try readText("\(cluster.root)/a/patroni.dynamic.json")
            let stored = try await cluster.view().config?.value
            #expect(try JSON(parsing: cached) == stored)

            // By the member's own file, on SIGHUP.
            try cluster.write(cluster.configuration("a", postgresql: "    work_mem: 6MB"), to: "a.yml")
            #expect(try await cluster.ask("a", "POST", "/reload").0 == 202)
            try await cluster.eventually("a's own work_mem") { try await cluster.sql("a", "show work_mem") == "6MB" }
            #expect(try await cluster.sql("b", "show work_mem") == "5MB")

            // Restarts, with conditions.
            let refusal = try await cluster.ask("b", "POST", "/restart", ["role": "primary"]).1
            #expect(refusal == "restart conditions are not satisfied")
            for name in ["b", "a"] {
                let (status, text) = try await cluster.ask(name, "POST", "/restart", ["restart_pending": true])
                #expect(status == 200 && text == "restarted successfully", "\(name): \(status) \(text)")
                #expect(try await cluster.sql(name, "show max_connections") == "130")
                try await cluster.eventually("nothing is pending on \(name)") {
                    try await cluster.view().member(name)?.pendingRestart == false
                }
            }
            #expect(await cluster.isUp("a", "/primary"), "a restart moves no lock")

            // A new copy on request.
            try await cluster.eventually("b streams again") { await cluster.streams("b") }
            #expect(try await cluster.ask("a", "POST", "/reinitialize").1 == "I am the leader, can not reinitialize")
            let former = try inode("\(cluster.root)/b/PG_VERSION")
            #expect(try await cluster.ask("b", "POST", "/reinitialize", [:]).1 == "reinitialize started")
            try await cluster.eventually("b is a new copy") {
                guard await cluster.streams("b") else { return false }
                return try inode("\(cluster.root)/b/PG_VERSION") != former
            }
        }
    }

    private func readText(_ path: String) throws -> String {
        let descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else { throw HarnessError("\(path): \(errno)") }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}

private func inode(_ path: String) throws -> UInt64 {
    var info = stat()
    guard stat(path, &info) == 0 else { throw HarnessError("\(path): \(errno)") }
    return UInt64(info.st_ino)
}
