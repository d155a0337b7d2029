import Configuration
import Facts
import Inventory
import Planning
import PostgresModel
import Shell

/// Makes the probes of `verify`: connections between members, a record from the leader to every replica, units.
/// Leaves no object behind; the record is a message in the WAL that no consumer has to know.
public struct Verifier: Sendable {
    public var spec: ClusterSpec
    public var facts: ClusterFacts
    public var shells: [String: any RemoteShell]
    public var now: @Sendable () -> Duration
    public var sleep: @Sendable (Duration) async throws -> Void

    public init(
        spec: ClusterSpec, facts: ClusterFacts, shells: [String: any RemoteShell],
        now: @escaping @Sendable () -> Duration, sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.spec = spec
        self.facts = facts
        self.shells = shells
        self.now = now
        self.sleep = sleep
    }

    var cluster: AdoptedCluster { AdoptedCluster(spec: spec, facts: facts) }
    private var layout: Layout { Layout(scope: spec.name) }

    public func probes() async throws -> VerificationProbes {
        async let connections = connections()
        async let units = units()
        async let canary = canary()
        return try await VerificationProbes(connections: connections, canary: canary, units: units)
    }

    // MARK: Connections

    private func connections() async -> [VerificationProbes.Connection] {
        await withTaskGroup(of: VerificationProbes.Connection?.self) { group in
            for from in spec.members {
                for to in spec.members where to.name != from.name {
                    for purpose in VerificationProbes.Purpose.allCases {
                        group.addTask { await connection(from, to, purpose) }
                    }
                }
            }
            var found: [VerificationProbes.Connection] = []
            for await connection in group { if let connection { found.append(connection) } }
            return found.sorted { ($0.from, $0.to, $0.purpose.rawValue) < ($1.from, $1.to, $1.purpose.rawValue) }
        }
    }

    /// Nil: the member could not be asked.
    private func connection(
        _ from: HostSpec, _ to: HostSpec, _ purpose: VerificationProbes.Purpose
    ) async -> VerificationProbes.Connection? {
        guard let shell = shells[from.name], let own = cluster.server(from.name) else { return nil }
        let isRelayed = cluster.isLocal(to.name)
        // By SQL nobody can log in there yet, and nobody has to.
        if isRelayed, purpose == .rewind { return nil }
        var info = ConnectionInfo()
        info["host"] = to.address
        info["port"] = String(cluster.server(to.name)?.port ?? own.port)
        info["dbname"] = "postgres"
        info["user"] = purpose == .replication ? Layout.replicationRole : Layout.rewindRole
        info["application_name"] = "pgadopt verify"
        if purpose == .replication { info["replication"] = "true" }
        if isRelayed {
            info["port"] = String(spec.replicas.portOfRelay)
            for (keyword, value) in layout.relayAccess.settings { info[keyword] = value }
        }
        let statement = switch purpose {
        case .replication: "IDENTIFY_SYSTEM"
        case .rewind: "SELECT length(pg_read_binary_file('PG_VERSION', 0, 1, true))"
        }
        let words = [
            "\(own.binDirectory)/psql", "-X", "-A", "-t", "-w", "-d", info.description, "-c", statement,
        ]
        let command = "cd / && exec env PGPASSFILE=\(quoted(layout.passfile)) PGCONNECT_TIMEOUT=5 " + commandLine(words)
        var problem: String?
        do {
            let result = try await shell.run(command, as: .user(own.osUser), deadline: .seconds(12))
            if !result.succeeded {
                problem = result.errorOutput.split(separator: "\n").last.map(String.init) ?? "no answer"
            } else if purpose == .replication, let identity = cluster.identity,
                !result.output.hasPrefix("\(identity)|")
            {
                problem = "another cluster answers there: \(result.output.prefix { $0 != "|" })"
            }
        } catch {
            problem = "\(error)"
        }
        return .init(from: from.name, to: to.name, purpose: purpose, problem: problem)
    }

    // MARK: The canary

    /// Nil: there is no leader, or it takes no write. A commit is not waited for by synchronous standbys: one that is
    /// away is to be told, not to hang on.
    private func canary() async throws -> VerificationProbes.Canary? {
        guard let leader = cluster.leader else { return nil }
        let began = now()
        let written = await sql(
            "SET synchronous_commit = local; SELECT pg_logical_emit_message(true, 'pgadopt', 'verify');\n"
                + "SELECT 'at ' || pg_current_wal_lsn();", on: leader)
        guard let lsn = written?.split(separator: "\n").first(where: { $0.hasPrefix("at ") })?.dropFirst(3) else {
            return nil
        }
        let position = String(lsn)
        let milliseconds = await withTaskGroup(of: (String, Int64?).self) { group in
            for replica in cluster.replicas {
                group.addTask { (replica.name, await replayed(position, on: replica.name, since: began)) }
            }
            var found: [String: Int64] = [:]
            for await (name, time) in group { if let time { found[name] = time } }
            return found
        }
        return .init(leader: leader, lsn: position, milliseconds: milliseconds)
    }

    private func replayed(_ position: String, on host: String, since began: Duration) async -> Int64? {
        let statement = "SELECT pg_last_wal_replay_lsn() >= \(sqlLiteral(position))::pg_lsn;"
        while now() - began < VerificationProbes.canaryLimit {
            if await sql(statement, on: host)?.hasPrefix("t") == true {
                return Int64((now() - began) / .milliseconds(1))
            }
            do { try await sleep(.milliseconds(100)) } catch { return nil }
        }
        return nil
    }

    private func sql(_ statements: String, on host: String) async -> String? {
        guard let server = cluster.server(host), let shell = shells[host] else { return nil }
        let words = psql(server)
        let result = try? await shell.run(
            "cd / && exec env PGAPPNAME='pgadopt verify' PGCONNECT_TIMEOUT=5 PGOPTIONS= " + commandLine(words),
            as: .user(server.osUser),
            standardInput: Array("SET statement_timeout = '8s';\n\(statements)\n".utf8), deadline: .seconds(12))
        return result.flatMap { $0.succeeded ? $0.output : nil }
    }

    /// A session of the member's own psql over its socket, with statements from standard input.
    func psql(_ server: ServerFacts, stopsAtErrors: Bool = true) -> [String] {
        ["\(server.binDirectory)/psql", "-X", "-q", "-A", "-t"] + (stopsAtErrors ? ["-v", "ON_ERROR_STOP=1"] : [])
            + [
                "-h", server.socketDirectories.first ?? "/tmp", "-p", String(server.port), "-d", "postgres", "-f", "-",
            ]
    }

    // MARK: Units

    private func units() async -> [String: VerificationProbes.Units] {
        await withTaskGroup(of: (String, VerificationProbes.Units?).self) { group in
            for host in spec.members { group.addTask { (host.name, await units(of: host.name)) } }
            var found: [String: VerificationProbes.Units] = [:]
            for await (name, units) in group { found[name] = units }
            return found
        }
    }

    private func units(of host: String) async -> VerificationProbes.Units? {
        let script = """
            u=\(quoted(layout.unit)); m=\(quoted(layout.marker))
            echo "enabled $(systemctl is-enabled -- "$u" 2>/dev/null)"
            echo "active $(systemctl is-active -- "$u" 2>/dev/null)"
            if [ -e "$m" ]; then echo marker; fi
            for f in /etc/systemd/system/*.d/zz-pgadopt.conf; do
                grep -qF -- "!$m" "$f" 2>/dev/null || continue
                n=${f%/*}; n=${n##*/}; n=${n%.d}
                stop=$(systemctl show -p ExecStop --value -- "$n")
                echo "legacy $n $(systemctl show -p KillMode --value -- "$n") ${stop:+stops}"
            done
            for d in /proc/[0-9]*; do
                [ "$(cat "$d/comm" 2>/dev/null)" = pgadopt-guard ] || continue
                case "$(cat "$d/cgroup" 2>/dev/null)" in *\(quoted("/" + layout.unit))*) echo guard; break ;; esac
            done
            """
        guard let shell = shells[host], let result = try? await shell.run(script, as: .root), result.succeeded else {
            return nil
        }
        return Self.units(result.output)
    }

    /// Reads what the script above says.
    static func units(_ output: String) -> VerificationProbes.Units {
        var units = VerificationProbes.Units(
            agentEnabled: "unknown", agentActive: "unknown", hasMarker: false, guardRuns: false)
        for line in output.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            switch words.first {
            case "enabled": units.agentEnabled = words.count > 1 ? words[1] : "not found"
            case "active": units.agentActive = words.count > 1 ? words[1] : "unknown"
            case "marker": units.hasMarker = true
            case "guard": units.guardRuns = true
            case "legacy" where words.count > 2:
                units.legacy.append(.init(name: words[1], killMode: words[2], hasStopCommand: words.count > 3))
            default: break
            }
        }
        return units
    }
}
