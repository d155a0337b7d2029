import Foundation
import JSON
import Testing

/// The three hosts, by way of `lab/lab`, and the tool that is tested on them. Holds no state of its own: what is up
/// and who leads is asked each time, so that every test may run alone and in any order.
struct Hosts {
    static let all = ["h1", "h2", "h3"]

    let name = ProcessInfo.processInfo.environment["LAB_NAME"] ?? "test"
    var directory: URL {
        let base = ProcessInfo.processInfo.environment["PGADOPT_LAB_DIR"] ?? "/var/tmp/pgadopt-lab"
        return URL(fileURLWithPath: base).appendingPathComponent(name)
    }
    var inventory: String { directory.appendingPathComponent("inventory.yaml").path }
    var plan: String { directory.appendingPathComponent("plan.json").path }

    struct Failed: Error, CustomStringConvertible {
        var description: String
    }

    /// `lab/lab`, with these arguments; throws when it fails.
    @discardableResult
    func lab(_ arguments: String..., deadline: Duration = .seconds(120)) async throws -> String {
        let ended = try await Program.run(
            ["lab/lab"] + arguments, environment: ["LAB_NAME": name], deadline: deadline)
        guard ended.status == 0 else { throw Failed(description: "lab \(arguments): \(ended.output)") }
        return ended.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// A shell command in a host, as root.
    @discardableResult
    func shell(_ host: String, _ script: String) async throws -> String {
        try await lab("exec", host, "sh", "-c", script)
    }

    /// The tool's command line and environment.
    func command(_ arguments: [String]) -> (arguments: [String], environment: [String: String]) {
        let root = Program.repository.path
        var machine = utsname()
        uname(&machine)
        let architecture = withUnsafeBytes(of: machine.machine) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        return (
            ["\(root)/.build-programs/release/pgadopt"] + arguments,
            ["PGADOPT_BUNDLE": "\(root)/dist/pgadopt-bundle-\(architecture).tar.gz"])
    }

    func pgadopt(_ arguments: String..., deadline: Duration = .seconds(120)) async throws -> Program.Ended {
        let (line, environment) = command(arguments)
        return try await Program.run(line, environment: environment, directory: directory, deadline: deadline)
    }

    // MARK: The state that a test starts from.

    /// New disks: a legacy server on h1 and two empty hosts.
    func fresh() async throws {
        try await lab("up", "--fresh")
    }

    /// An adopted cluster of three, all hosts on and both replicas streaming. Adopts when it is not so.
    func adopted() async throws {
        if await isWhole() {
            // Up to wal_retrieve_retry_interval (5 s) a replica that streams is still on the leader's last timeline.
            try await eventually("all are on one timeline", within: .seconds(30)) {
                Set(await members().map(\.timeline)).count == 1
            }
            return
        }
        try await fresh()
        let planned = try await pgadopt("plan", inventory, "--out", plan)
        guard planned.status == 2 else { throw Failed(description: "plan: \(planned.status)\n\(planned.output)") }
        let applied = try await pgadopt("apply", plan, "--yes", deadline: .seconds(300))
        guard applied.status == 0 else { throw Failed(description: "apply: \(applied.status)\n\(applied.output)") }
        try await eventually("both replicas stream", within: .seconds(30)) { await isWhole() }
    }

    /// Runs the tool again and again; each time it is killed at the first moment of `moments` it comes to, which
    /// is then crossed out. Returns when a run comes to its end.
    func run(
        _ arguments: [String], killedAt moments: [String], deadline: Duration = .seconds(240)
    ) async throws {
        var left = Set(moments)
        for _ in 0...moments.count {
            let (line, environment) = command(arguments)
            let stops = ["PGADOPT_TEST_STOP": left.sorted().joined(separator: ",")]
            let ended = try await Program.run(
                line, environment: environment.merging(stops) { $1 }, directory: directory, deadline: deadline)
            guard let moment = ended.output.firstMatch(of: /killed at (\S+)/).map({ String($0.1) }) else {
                try #require(ended.status == 0, "left: \(left.sorted())\n\(ended.output)")
                #expect(left.isEmpty, "never came to \(left.sorted())")
                return
            }
            try #require(left.remove(moment) != nil, "\(moment) came twice")
        }
        throw Failed(description: "it never came to its end")
    }

    // MARK: What the cluster says.

    struct Member: Equatable {
        var name: String
        var role: String
        var state: String
        var lag: Int64?
        var timeline: Int64?
    }

    /// The members, from the store; empty when there are none or the store does not answer.
    func members() async -> [Member] {
        guard let listed = try? await pgadopt("list", inventory, "--json", deadline: .seconds(20)), listed.status == 0,
            let start = listed.output.firstIndex(of: "{"),
            let json = try? JSON(parsing: String(listed.output[start...]))
        else { return [] }
        return (json["members"]?.array ?? []).map {
            Member(
                name: $0["name"]?.string ?? "", role: $0["role"]?.string ?? "", state: $0["state"]?.string ?? "",
                lag: $0["lag"]?.int, timeline: $0["timeline"]?.int)
        }
    }

    func leader() async -> String? { await members().first { $0.role == "leader" }?.name }

    /// Three members, one leads, the others stream with next to no lag.
    func isWhole() async -> Bool {
        let members = await members()
        let replicas = members.filter { $0.role != "leader" }
        return members.count == 3 && replicas.count == 2
            && replicas.allSatisfy { $0.state == "streaming" && ($0.lag ?? .max) < 1 << 20 }
    }

    /// The leader, which must be there.
    func presentLeader() async throws -> String { try #require(await leader(), "the cluster has no leader") }

    /// A leader other than `old`; says how long it took.
    @discardableResult
    func awaitLeader(otherThan old: String, within deadline: Duration) async throws -> Duration {
        try await eventually("a leader other than \(old)", within: deadline) {
            guard let now = await leader() else { return false }
            return now != old
        }
    }

    /// A switchover as the owner asks for it, until `host` leads and the others stream from it.
    func handLead(to host: String) async throws {
        let asked = try await pgadopt("switchover", inventory, "--to", host, "--yes")
        guard asked.status == 0 else { throw Failed(description: "switchover: \(asked.status)\n\(asked.output)") }
        try await eventually("\(host) leads and all stream", within: .seconds(90)) {
            let isWhole = await isWhole()
            let leader = await leader()
            return isWhole && leader == host
        }
    }

    /// Pid and start time of a host's postmaster.
    func postmaster(_ host: String) async throws -> String {
        try await shell(host, """
            pid=$(head -n 1 /var/lib/postgresql/15/main/postmaster.pid) && \
            echo "$pid $(cut -d' ' -f22 /proc/$pid/stat) $(runuser -u postgres -- psql -XAtc 'select pg_postmaster_start_time()')"
            """)
    }

    /// Grows by one or more with each election of etcd.
    func storeTerm() async throws -> Int64 {
        try #require(try await storeStatus()["raftTerm"]?.int, "etcdctl's answer has no term")
    }

    private func storeStatus() async throws -> JSON {
        let status = try JSON(parsing: try await shell("h1", "ETCDCTL_API=3 etcdctl endpoint status -w json"))
        return try #require(status.array?.first?["Status"])
    }

    /// What a person would call the state of a server: settings, rules, roles, databases and slots, as one hash.
    func serverState(_ host: String) async throws -> String {
        try await shell(host, """
            runuser -u postgres -- psql -XAtq <<'END' | sha256sum
            select name, setting, pending_restart from pg_settings where name not like 'transaction%' order by 1;
            select line_number, type, database, user_name, address, auth_method from pg_hba_file_rules;
            select rolname, rolsuper, rolreplication, rolpassword from pg_authid order by 1;
            select datname from pg_database order by 1;
            select slot_name from pg_replication_slots;
            END
            """)
    }
}
