import AgentFixture
import PostgresClient
import Timekeeping

/// A client that writes a row every few milliseconds to whoever is writable, and remembers what was acknowledged.
actor RowWriter {
    private let options: [String: String]
    private var acknowledged: Set<Int> = []
    /// Attempts that ended with an error: while a member's program is exchanged there must be none.
    private(set) var failures = 0
    private var wasWritten = false
    private var task: Task<Void, Never>?

    init(_ cluster: AgentHarness) async throws {
        options = [
            "host": cluster.members.map { _ in cluster.root }.joined(separator: ","),
            "port": cluster.members.map { "\(cluster.sqlPorts[$0]!)" }.joined(separator: ","),
            "user": "postgres", "dbname": "postgres", "target_session_attrs": "read-write",
        ]
        let leader = try await cluster.view().leader?.name ?? ""
        try await cluster.sql(leader, "create table written (n int)")
        task = Task { await self.write() }
    }

    /// The rows that the cluster promised to keep.
    func stop() async -> Set<Int> {
        task?.cancel()
        await task?.value
        return acknowledged
    }

    /// The last attempt has ended well.
    func isWriting() -> Bool { wasWritten }

    private func write() async {
        let clock = AgentHarness.clock
        var connection: PostgresConnection?
        var row = 0
        while !Task.isCancelled {
            row += 1
            do {
                let open: PostgresConnection
                if let connection { open = connection } else {
                    open = try await PostgresConnection.connect(options, by: clock.now + .seconds(10))
                }
                connection = open
                _ = try await open.query("insert into written values (\(row))", by: clock.now + .seconds(30))
                acknowledged.insert(row)
                wasWritten = true
            } catch {
                connection = nil
                failures += 1
                wasWritten = false
            }
            try? await clock.sleep(until: clock.now + .milliseconds(20), tolerance: nil)
        }
    }
}
