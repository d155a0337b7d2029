import Foundation
import JSON
import Testing

/// What an application and an outside observer see while something happens to the cluster.
struct Load {
    /// What they saw, after the end.
    struct Account {
        var rows: Int64
        var writerErrors: Int64
        /// Seconds.
        var longestGap: Double
        /// Hosts that accepted a write after another one, on a later timeline, already had.
        var overlaps: Int
        var checker: Program.Ended
        var report: String
    }

    private let hosts: Hosts
    private let directory: URL
    private let writer: Program
    private let prober: Program

    init(_ hosts: Hosts) async throws {
        self.hosts = hosts
        directory = hosts.directory.appendingPathComponent("load-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let dsn = try await hosts.lab("dsn")
        let file = { [directory] (name: String) in directory.appendingPathComponent(name).path }
        writer = try Program([
            "lab/writer.py", "--dsn", dsn, "--log", file("acknowledged.log"), "--summary", file("writer.json"),
        ])
        prober = try Program(["lab/prober.py", "--dsn", dsn, "--summary", file("prober.json")])
        try await eventually("the writer writes", within: .seconds(15)) { [self] in rowsInLog() > 20 }
    }

    /// Rows acknowledged so far.
    func rowsInLog() -> Int {
        let log = try? String(contentsOf: directory.appendingPathComponent("acknowledged.log"), encoding: .utf8)
        return log?.split(separator: "\n").count { $0.hasPrefix("+") } ?? 0
    }

    /// Until 100 more rows are acknowledged: the application works again.
    func awaitProgress(within deadline: Duration = .seconds(30)) async throws {
        let before = rowsInLog()
        try await eventually("the application writes again", within: deadline) { rowsInLog() > before + 100 }
    }

    /// Ends both, and looks for every acknowledged row. `tail`: rows that one outage may cost.
    func end(tail: Int) async throws -> Account {
        let wrote = try await writer.end(signal: SIGINT)
        let probed = try await prober.end(signal: SIGINT)
        let summary = try JSON(parsing: read("writer.json"))
        let verdict = try JSON(parsing: read("prober.json"))
        let checked = try await Program.run([
            "lab/checker.py", "--dsn", try await hosts.lab("dsn"), "--tail", "\(tail)",
            "--log", directory.appendingPathComponent("acknowledged.log").path,
        ])
        return Account(
            rows: summary["rows"]?.int ?? 0, writerErrors: summary["errors"]?.int ?? -1,
            longestGap: summary["longest_gap_seconds"]?.double ?? -1,
            overlaps: verdict["overlaps"]?.array?.count ?? -1, checker: checked,
            report: wrote.output + probed.output + checked.output)
    }

    private func read(_ name: String) throws -> String {
        try String(contentsOf: directory.appendingPathComponent(name), encoding: .utf8)
    }
}

/// Rows that an asynchronous fail-over may cost this writer: a second of its writes.
let asynchronousTail = 100

/// The promises that hold in every fault: one leader, and nothing lost beyond what asynchronous replication may lose.
func expectSound(_ account: Load.Account, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(account.overlaps == 0, "two hosts were writable at once:\n\(account.report)", sourceLocation: sourceLocation)
    #expect(account.checker.status == 0, "rows are lost:\n\(account.report)", sourceLocation: sourceLocation)
}
