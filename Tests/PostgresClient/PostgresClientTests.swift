import Glibc
import Kernel
import Testing
import Timekeeping

@testable import PostgresClient

@Suite(.timeLimit(.minutes(2))) struct PostgresClientTests {
    @Test func aConnectionTalksSurvivesACancelAndEndsWithItsServer() async throws {
        let server = try await TemporaryServer.start()
        do {
            try await refusalsAreTold(server)
            let connection = try await connected(to: server)
            try await statementsReturnTextAndNull(connection)
            try await serverErrorsHaveTheirState(connection)
            try await aDeadlineCancelsAndKeepsTheConnection(connection)
            try await aCancelledTaskCancelsItsStatement(connection)
            try await statementsWaitTheirTurn(connection)
            try await walsendersAreSpokenTo(server)
            try await aStoppedServerCostsTheConnectionAtTheDeadline(server)
            try await aBrokenConnectionIsNoticed(connection, server)
        } catch {
            try await server.stop()
            throw error
        }
        try await server.stop()
    }

    @Test func nobodyListeningIsKnownAtOnce() async throws {
        let clock = BootClock()
        let began = clock.now
        let error = await #expect(throws: PostgresError.self) {
            try await PostgresConnection.connect(
                ["host": "127.0.0.1", "port": "1", "password": "hush"], by: clock.now + .seconds(10))
        }
        #expect(error?.code == .cannotConnect)
        #expect(error?.message.contains("hush") == false)
        #expect(clock.now - began < .seconds(5))
    }

    @Test func aNameThatDoesNotResolveIsTold() async throws {
        let error = await #expect(throws: PostgresError.self) {
            try await PostgresConnection.connect(
                ["host": "no-such-host.invalid"], by: BootClock().now + .seconds(10))
        }
        #expect(error?.code == .cannotConnect || error?.code == .deadline)
    }

    private func connected(to server: TemporaryServer) async throws -> PostgresConnection {
        let end = TemporaryServer.soon
        while true {
            do {
                return try await PostgresConnection.connect(server.settings, by: end)
            } catch let error as PostgresError where error.code == .cannotConnect {
                try #require(TemporaryServer.clock.now < end, "\(error)")
                try await TemporaryServer.clock.sleep(until: TemporaryServer.clock.now + .milliseconds(20))
            }
        }
    }

    private func refusalsAreTold(_ server: TemporaryServer) async throws {
        _ = try await connected(to: server)
        var settings = server.settings
        settings["dbname"] = "nothere"
        let error = await #expect(throws: PostgresError.self) {
            try await PostgresConnection.connect(settings, by: TemporaryServer.soon)
        }
        #expect(error?.code == .cannotConnect)
        #expect(error?.message.contains("nothere") == true)
    }

    private func statementsReturnTextAndNull(_ connection: PostgresConnection) async throws {
        let result = try await connection.query(
            "select $1::int + 1 as n, null as nothing, $2::text as t", ["41", "ä"], by: TemporaryServer.soon)
        let wanted = QueryResult(columns: ["n", "nothing", "t"], rows: [["42", nil, "ä"]], commandTag: "SELECT 1")
        #expect(result == wanted)
        #expect(result.value("n") == "42")
        #expect(await connection.serverVersion / 10_000 == 15)
    }

    private func serverErrorsHaveTheirState(_ connection: PostgresConnection) async throws {
        let error = await #expect(throws: PostgresError.self) {
            try await connection.query("select 1/0", by: TemporaryServer.soon)
        }
        #expect(error?.code == .server)
        #expect(error?.sqlState == "22012")
        #expect(try await connection.query("select 1", by: TemporaryServer.soon).scalar == "1")
    }

    private func aDeadlineCancelsAndKeepsTheConnection(_ connection: PostgresConnection) async throws {
        let pid = await connection.backendPID
        let began = TemporaryServer.clock.now
        let error = await #expect(throws: PostgresError.self) {
            try await connection.query("select pg_sleep(60)", by: began + .milliseconds(200))
        }
        #expect(error?.code == .deadline)
        #expect(TemporaryServer.clock.now - began < .seconds(2))
        let same = try await connection.query("select pg_backend_pid()", by: TemporaryServer.soon).scalar
        #expect(same == pid.map { "\($0)" })
    }

    private func aCancelledTaskCancelsItsStatement(_ connection: PostgresConnection) async throws {
        let task = Task { try await connection.query("select pg_sleep(60)", by: TemporaryServer.soon) }
        try await TemporaryServer.clock.sleep(until: TemporaryServer.clock.now + .milliseconds(50))
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try await connection.query("select 2", by: TemporaryServer.soon).scalar == "2")
    }

    private func statementsWaitTheirTurn(_ connection: PostgresConnection) async throws {
        let values = try await withThrowingTaskGroup(of: String?.self) { group in
            for n in 0..<20 {
                group.addTask { try await connection.query("select $1", ["\(n)"], by: TemporaryServer.soon).scalar }
            }
            return try await group.reduce(into: Set<String>()) { $0.insert($1 ?? "") }
        }
        #expect(values == Set((0..<20).map { "\($0)" }))
    }

    private func walsendersAreSpokenTo(_ server: TemporaryServer) async throws {
        let settings = server.settings.merging(["replication": "true"]) { _, new in new }
        let connection = try await PostgresConnection.connect(settings, by: TemporaryServer.soon)
        let result = try await connection.query("IDENTIFY_SYSTEM", by: TemporaryServer.soon)
        #expect(result.value("timeline") == "1")
    }

    private func aStoppedServerCostsTheConnectionAtTheDeadline(_ server: TemporaryServer) async throws {
        let connection = try await PostgresConnection.connect(server.settings, by: TemporaryServer.soon)
        let pid = try #require(await connection.backendPID)
        kill(pid, SIGSTOP)
        try server.process.send(signal: SIGSTOP)
        let began = TemporaryServer.clock.now
        await #expect(throws: PostgresError.self) {
            try await connection.query("select 1", by: began + .milliseconds(200))
        }
        #expect(TemporaryServer.clock.now - began < .seconds(3))
        #expect(await !connection.isOpen)
        kill(pid, SIGCONT)
        try server.process.send(signal: SIGCONT)
    }

    private func aBrokenConnectionIsNoticed(_ connection: PostgresConnection, _ server: TemporaryServer) async throws {
        kill(try #require(await connection.backendPID), SIGKILL)
        let error = await #expect(throws: PostgresError.self) {
            try await connection.query("select 1", by: TemporaryServer.soon)
        }
        #expect(error?.code == .connectionLost || error?.sqlState == "57P01")
        #expect(await !connection.isOpen)
    }
}

extension BootClock {
    func sleep(until deadline: BootInstant) async throws { try await sleep(until: deadline, tolerance: nil) }
}
