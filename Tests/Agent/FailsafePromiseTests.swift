import Foundation
import Testing
import Timekeeping

@testable import Agent

@Suite struct FailsafePromiseTests {
    private let path = FileManager.default.temporaryDirectory.appendingPathComponent("promise-\(UUID().uuidString)").path
    private let now = BootInstant(nanoseconds: 1_000_000_000_000)

    private func read(at moment: BootInstant, bootID: String = "a") -> FailsafePromise? {
        FailsafePromise(readFrom: path, now: moment, ttl: .seconds(12), bootID: bootID)
    }

    @Test func aPromiseOutlivesTheAgentButNotItsTime() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let promise = FailsafePromise(leader: "h1", until: now + .seconds(12))
        try promise.write(to: path, bootID: "a")
        #expect(read(at: now + .seconds(11)) == promise)
        #expect(read(at: now + .seconds(12)) == nil)
    }

    @Test func afterARebootAWholeTTLCounts() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try FailsafePromise(leader: "h1", until: now + .seconds(12)).write(to: path, bootID: "a")
        let early = BootInstant(nanoseconds: 5)
        #expect(read(at: early, bootID: "b") == FailsafePromise(leader: "h1", until: early + .seconds(12)))
    }

    @Test(arguments: ["", "a\n", "a\nx\nh1\n", "a\n5\n\n"])
    func whatIsNoPromiseIsNone(_ text: String) throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        #expect(read(at: BootInstant(nanoseconds: 1)) == nil)
    }

    @Test func aPromiseThatCannotBeWrittenIsAnError() {
        #expect(throws: (any Error).self) {
            try FailsafePromise(leader: "h1", until: now).write(to: "/nonexistent/promise", bootID: "a")
        }
    }
}
