/// How long statements of clients had been running when somebody looked, over some looks.
///
/// A look meets a long statement more often than a short one, so the mean of these ages is half the mean of the squared
/// times over the mean time: it rises with the tail of the distribution, not only with its middle.
struct LatencyWindow: Equatable, Sendable {
    /// How often was looked.
    var looks = 0
    /// Ages of the statements met, in milliseconds.
    var ages: [Double] = []

    /// How many statements a look has met. Where clients do not wait for each other's answers, this is their rate times
    /// the latency (Little's law), a queue in front of the server included, of which no single statement's age tells.
    var busy: Double { looks == 0 ? 0 : Double(ages.count) / Double(looks) }

    var mean: Double { ages.isEmpty ? 0 : ages.reduce(0, +) / Double(ages.count) }

    mutating func add(_ other: LatencyWindow) {
        looks += other.looks
        ages += other.ages
    }
}

/// The looks: read-only, through the host's own psql, each in a transaction of its own and a fraction of a millisecond
/// long. Nothing is written, so nothing appears in the WAL, in logical decoding or in the owner's tables; and unlike the
/// time of a statement of ours, it is what clients of all kinds get, whatever they wait for.
enum LatencyProbe {
    static let looks = 40

    /// Left out: what waits for other clients (locks) or for its own client, and what runs for so long that it is no
    /// client's request: they say nothing of the machine. Nor do our own sessions, the look of another copy among them.
    static var statements: String {
        let look = "EXECUTE look;\nSELECT pg_sleep(0.025);\n"
        return """
            PREPARE look AS SELECT 'look' UNION ALL
            SELECT (extract(epoch FROM clock_timestamp() - query_start) * 1000000)::bigint::text FROM pg_stat_activity
            WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()
            AND coalesce(wait_event_type, '') NOT IN ('Lock', 'Client')
            AND application_name NOT LIKE 'pgadopt%'
            AND query_start BETWEEN clock_timestamp() - interval '10 s' AND clock_timestamp();

            """ + String(repeating: look, count: looks)
    }

    static func window(_ output: String) -> LatencyWindow {
        var window = LatencyWindow()
        for line in output.split(separator: "\n") {
            if line == "look" { window.looks += 1 }
            if let age = Int64(line) { window.ages.append(Double(max(0, age)) / 1000) }
        }
        return window
    }
}
