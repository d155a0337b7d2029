import AgentFixture
import PostgresClient
import Timekeeping

/// A client that writes a row every few milliseconds to whoever is writable, and remembers what was acknowledged.
actor RowWriter {
    private let options: [String: String]
    private var acknowledged: Set<Int> = []
    private(set) var longestGap = Duration.zero
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

    private func write() async {
        let clock = AgentHarness.clock
        var connection: PostgresConnection?
        var last = clock.now
        var row = 0
        while !Task.isCancelled {
            row += 1
            do {
                let open: PostgresConnection
                if let connection { open = connection } else {
                    open = try await PostgresConnection.connect(options, by: clock.now + .seconds(3))
                }
                connection = open
                _ = try await open.query("insert into written values (\(row))", by: clock.now + .seconds(30))
                acknowledged.insert(row)
                longestGap = max(longestGap, clock.now - last)
                last = clock.now
            } catch {
                connection = nil
            }
            try? await clock.sleep(until: clock.now + .milliseconds(20), tolerance: nil)
        }
    }
}
