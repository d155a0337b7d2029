import Foundation
import Testing

/// Everything that needs real hosts. One after the other: there is one lab, and it has few cores.
/// `./test` sets PGADOPT_LAB; a plain `swift test` leaves these out.
@Suite(
    .serialized, .timeLimit(.minutes(10)), .programsAreBuilt, .tellsJournals,
    .enabled(if: ProcessInfo.processInfo.environment["PGADOPT_LAB"] == "1", "run ./test, as root"))
enum LabSuite {}

/// Waits until `./test` has built the programs that the hosts run, which it does beside the tests without hosts.
/// PGADOPT_PROGRAMS names the file that then says how it ended; without it they are there already.
struct ProgramsAreBuilt: SuiteTrait, TestScoping {
    let isRecursive = false

    func provideScope(
        for test: Test, testCase: Test.Case?, performing body: @Sendable () async throws -> Void
    ) async throws {
        if let ending = ProcessInfo.processInfo.environment["PGADOPT_PROGRAMS"] {
            try await eventually("the programs are built", within: .seconds(3600)) {
                FileManager.default.fileExists(atPath: ending)
            }
            let status = try String(contentsOfFile: ending, encoding: .utf8)
            try #require(status == "0\n", "see what ./test says of the build of the programs")
        }
        try await body()
    }
}

extension Trait where Self == ProgramsAreBuilt {
    static var programsAreBuilt: Self { Self() }
}

/// The next test boots the hosts anew: what the agents had to say of a failure is told at once, or it is lost.
struct TellsJournals: SuiteTrait, TestTrait, TestScoping {
    let isRecursive = true

    func provideScope(
        for test: Test, testCase: Test.Case?, performing body: @Sendable () async throws -> Void
    ) async throws {
        do { try await body() } catch {
            if testCase != nil { await Hosts().tellJournals() }
            throw error
        }
    }
}

extension Trait where Self == TellsJournals {
    static var tellsJournals: Self { Self() }
}

extension Hosts {
    fileprivate func tellJournals() async {
        for host in Self.all {
            let lines = try? await shell(host, "journalctl -u 'pgadopt-agent@*' -n 40 --no-pager -o short-iso-precise")
            print("The agents of \(host), last:\n\(lines ?? "it does not answer")")
        }
    }
}
