import API
import Cluster
import Glibc
import JSON
import Testing
import Timekeeping

/// docs/rest.md says what the router does.
@Suite struct DocumentationTests {
    private struct Row: CustomStringConvertible {
        var method: String
        var path: String
        var codes: Set<Int>
        var description: String { "\(method) \(path)" }
    }

    private func rows() throws -> [Row] {
        let place = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined() + "/docs/rest.md"
        let file = try #require(fopen(place, "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let text = String(decoding: bytes[..<fread(&bytes, 1, bytes.count, file)], as: UTF8.self)
        return text.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|").map { $0.split(separator: " ").map(String.init) }
            guard cells.count >= 3, cells[0].count == 1, ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(cells[0][0])
            else { return nil }
            return Row(method: cells[0][0], path: cells[1].joined(), codes: Set(cells[2].compactMap { Int($0) }))
        }
    }

    /// Members in every kind of condition.
    private var snapshots: [APISnapshot] {
        var stopped = replica()
        stopped.state = .stopped
        var blind = primary()
        blind.cluster = nil
        blind.leaderUntil = nil
        var stuck = replica()
        stuck.lastCycle = moment + .seconds(-100)
        var scheduled = primary()
        scheduled.cluster?.failover = FailoverKey(modRevision: 2, leader: "h1", scheduledAt: "2030-01-01T00:00:00Z")
        scheduled.cluster?.failsafe = ["h1": "u"]
        var standbyLeader = replica()
        standbyLeader.isStandbyCluster = true
        standbyLeader.leaderUntil = moment + .seconds(5)
        var paused = primary()
        paused.isPaused = true
        let synchronous = ["on", "quorum"].map { mode in
            var snapshot = replica()
            snapshot.cluster?.config?.value = ["synchronous_mode": .string(mode)]
            snapshot.cluster?.sync = SyncKey(modRevision: 3, leader: "h1", standbys: ["h2"])
            return snapshot
        }
        return [primary(), replica(), stopped, blind, stuck, scheduled, standbyLeader, paused] + synchronous
    }

    private static let bodies = [
        "", "{}", "{", #"{"leader":"h1"}"#, #"{"leader":"h2"}"#, #"{"candidate":"h2"}"#, #"{"role":"x"}"#,
        #"{"leader":"h1","scheduled_at":"x"}"#, #"{"schedule":"2020-01-01T00:00:00Z"}"#, #"{"name":"a","api_url":"b"}"#,
        #"{"schedule":"2030-01-01T00:00:00Z"}"#,
    ]

    @Test func everyEndpointAnswersWithItsCodesOnly() throws {
        for row in try rows() {
            var seen: Set<Int> = []
            var commands = 0
            for snapshot in snapshots {
                for body in row.method == "GET" ? [""] : Self.bodies {
                    switch change(snapshot, row.method, row.path, body) {
                    case .answer(let answer): seen.insert(answer.status)
                    case .command: commands += 1
                    }
                }
            }
            #expect(seen.subtracting(row.codes).isEmpty, "\(row) also answers with \(seen.subtracting(row.codes))")
            if row.method == "GET" {
                #expect(seen == row.codes, "\(row) never answers with \(row.codes.subtracting(seen))")
            }
            #expect(row.method == "GET" || commands > 0 || seen == row.codes, "\(row) never comes to anything")
        }
    }

    @Test func nothingElseIsRouted() throws {
        let known = Set(try rows().map(\.description))
        #expect(known.count == 31)
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let words = ["config", "restart", "switchover", "failover", "reload", "reinitialize", "failsafe", "primary"]
            for word in words where !known.contains("\(method) /\(word)") {
                #expect(change(primary(), method, "/\(word)", "{}") == .answer(
                    .text("Unsupported method ('\(method)')", status: 501)))
            }
        }
    }
}
