import Foundation
import JSON

/// Ways to break hosts that `lab/lab` has no command for. Each has its opposite, which also mends what a test that
/// failed in the middle has left.
extension Hosts {
    /// Drops packets inside `host`. `rules`: nftables statements for packets that come in and go out.
    func filter(_ host: String, in incoming: String = "", out outgoing: String = "") async throws {
        let rules = { (hook: String, rule: String) in
            rule.isEmpty ? "" : "chain \(hook) {\ntype filter hook \(hook) priority 0\n\(rule) drop\n}"
        }
        try await shell(host, """
            nft -f - <<'END'
            table inet fault
            delete table inet fault
            table inet fault {
            \(rules("input", incoming))
            \(rules("output", outgoing))
            }
            END
            """)
    }

    func unfilter(_ host: String) async throws {
        try await shell(host, "nft delete table inet fault 2>/dev/null || true")
    }

    /// SQL in a host's server as its superuser, over the local socket. One value a line, fields separated by `|`.
    @discardableResult
    func sql(_ host: String, _ text: String) async throws -> String {
        try await shell(host, """
            runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 <<'END'
            \(text)
            END
            """)
    }

    /// True when the server in the host accepts a write right now, seen from inside.
    func isWritable(_ host: String) async -> Bool {
        let answer = try? await shell(host, """
            timeout 3 runuser -u postgres -- psql -XAtq -c 'create temporary table t(); select 1' 2>&1 | tail -n 1 || true
            """)
        return answer == "1"
    }

    /// A call of an agent's REST API from this machine: the status and the body.
    @discardableResult
    func rest(
        _ host: String, _ method: String, _ path: String, body: String? = nil, deadline: Duration = .seconds(30)
    ) async throws -> (status: Int, body: String) {
        let url = "http://\(try await address(host)):8008/\(path)"
        let data = body.map { ["-H", "Content-Type: application/json", "-d", $0] } ?? []
        let ended = try await Program.run(
            ["curl", "-sS", "--max-time", "\(deadline.components.seconds)", "-X", method, "-w", "\n%{http_code}", url]
                + data, deadline: deadline + .seconds(2))
        let lines = ended.output.split(separator: "\n", omittingEmptySubsequences: false)
        return (Int(lines.last ?? "") ?? 0, lines.dropLast().joined(separator: "\n"))
    }

    func address(_ host: String) async throws -> String {
        String(try await lab("dsn", host).split(separator: " ")[0].dropFirst("host=".count))
    }

    /// Changes the dynamic configuration, and waits until the leader runs with it.
    func configure(_ patch: String) async throws {
        let leader = try await presentLeader()
        let answer = try await rest(leader, "PATCH", "config", body: patch)
        guard answer.status == 200 else { throw Failed(description: "PATCH config: \(answer)") }
    }

    /// What the leader key in the store says, asked of the etcd on `host`; empty when there is none.
    func leaderKey(from host: String) async throws -> String {
        try await shell(host, """
            ETCDCTL_API=3 etcdctl --command-timeout=3s get --print-value-only /service/main/leader 2>/dev/null || true
            """)
    }

    /// The timeline the leader is on: it grows by one with each promotion.
    func timeline() async throws -> Int {
        let name = try await sql(try await presentLeader(), "select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)")
        return Int(name, radix: 16) ?? -1
    }

    /// Fails as soon as somebody else leads, or the timeline grew, within `duration`.
    func staysLeader(_ leader: String, for duration: Duration) async throws {
        let clock = ContinuousClock(), end = clock.now + duration
        while clock.now < end {
            if let now = await self.leader(), now != leader {
                throw Failed(description: "\(now) leads instead of \(leader)")
            }
            try await Task.sleep(for: .seconds(1), clock: clock)
        }
    }
}
