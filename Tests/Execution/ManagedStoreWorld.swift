import AdoptFixtures
import Etcd
import Execution
import Facts
import Inventory
import Foundation
import Planning
import Shell
import Synchronization

/// Three hosts made of directories, on three addresses of the loopback network, on which real members of etcd run. The
/// package manager and systemd are scripts that do what those programs would do to the files and processes.
final class ManagedStoreWorld: Sendable {
    let root: String
    let journal = MemoryJournal()
    let addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    let ports: (client: Int, peer: Int)
    let commands = Mutex<[String]>([])
    let cut = Mutex<(at: Int?, count: Int)>((nil, 0))
    /// Seconds since 1970 that the operator's clock shows.
    let now = Mutex(Int64(Date().timeIntervalSince1970))
    let events = Mutex<[String]>([])

    init() throws {
        root = NSTemporaryDirectory() + "pgadopt-store-\(UUID().uuidString.prefix(8))"
        let port = Int.random(in: 20_000...30_000)
        ports = (port, port + 1)
        try FileManager.default.createDirectory(atPath: root + "/control", withIntermediateDirectories: true)
        for host in ["h1", "h2", "h3"] {
            for place in ["bin", "etc/systemd/system", "usr/bin", "proc/net", "var/lib"] {
                try FileManager.default.createDirectory(
                    atPath: "\(root)/\(host)/\(place)", withIntermediateDirectories: true)
            }
            try script("systemctl", Self.systemctl, host)
            try script("apt-get", Self.aptGet, host)
            try script("dpkg-query", "[ -e \"$ROOT/usr/bin/etcd\" ] && printf installed\n", host)
        }
    }

    /// Ends what still runs, and removes everything.
    func end() {
        for host in ["h1", "h2", "h3"] {
            let text = (try? String(contentsOfFile: "\(root)/\(host)/pid", encoding: .utf8)) ?? ""
            if let pid = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)) { kill(pid, SIGTERM) }
        }
        try? FileManager.default.removeItem(atPath: root)
    }

    private func script(_ name: String, _ text: String, _ host: String) throws {
        let path = "\(root)/\(host)/bin/\(name)"
        try Data("#!/bin/sh\nROOT='\(root)/\(host)'\n\(text)".utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    }

    /// No member outlives the longest test.
    private static let systemctl = """
        for unit; do :; done
        wants="$ROOT/etc/systemd/system/multi-user.target.wants/$unit"
        d="$ROOT/var/lib/pgadopt/shop/etcd"
        running() { [ -e "$ROOT/pid" ] && kill -0 "$(cat "$ROOT/pid")" 2>/dev/null; }
        stop() {
            if running; then
                p=$(cat "$ROOT/pid"); kill "$p"; while kill -0 "$p" 2>/dev/null; do sleep 0.05; done
            fi
            rm -f "$ROOT/pid"
        }
        case $1 in
            enable) mkdir -p "${wants%/*}"; ln -sf x "$wants" ;;
            is-enabled) [ -L "$wants" ] ;;
            is-active) running ;;
            show) if running; then echo activating; else echo inactive; fi ;;
            disable) rm -f "$wants"; rmdir "${wants%/*}" 2>/dev/null; stop ;;
            start|restart)
                if [ "$1" = restart ]; then stop; fi
                running && exit 0
                sed "s#/var/lib/pgadopt#$ROOT/var/lib/pgadopt#g" "$d/etcd.conf.yml" > "$ROOT/run.yml"
                setsid timeout 120 "$ROOT/usr/bin/etcd" --config-file "$ROOT/run.yml" </dev/null >"$ROOT/log" 2>&1 &
                echo $! > "$ROOT/pid" ;;
        esac

        """

    private static let aptGet = """
        [ -L "$ROOT/etc/systemd/system/etcd.service" ] || { echo "its own service would start" >&2; exit 1; }
        case "$*" in
            *-s*install*) echo 'Inst etcd-server (3.4.23-4 Debian:12 [amd64])'; cat "$ROOT/also" 2>/dev/null || : ;;
            *install*) ln -s /usr/bin/etcd "$ROOT/usr/bin/etcd" ;;
            *purge*) rm "$ROOT/usr/bin/etcd" ;;
        esac

        """

    var spec: ClusterSpec { ManagedCluster.spec(
        addresses: addresses, clientPort: ports.client, peerPort: ports.peer, directory: "\(root)/control/shop-store") }

    /// The part of the plan that is about the store.
    func plan(_ facts: ClusterFacts? = nil) throws -> Plan {
        let names: Set<StepName> = [
            .lock, .storeAuthority, .storeMember, .managedStore, .store, .unlock,
        ]
        var plan = try LegacyCluster.planner.plan(spec, facts ?? ManagedCluster.facts(spec), [])
        plan.steps = plan.steps.filter { names.contains($0.kind.name) }
        let ids = Set(plan.steps.map(\.id))
        for index in plan.steps.indices { plan.steps[index].prerequisites.removeAll { !ids.contains($0) } }
        return plan
    }

    func client() throws -> EtcdClient {
        let managed = spec.store.tls
        return try EtcdClient(EtcdConfiguration(
            endpoints: spec.store.endpoints.map { try .init(parsing: $0) },
            tls: .init(
                authorityFile: managed?.caFile, certificateFile: managed?.certificateFile, keyFile: managed?.keyFile)))
    }

    func environment(_ client: EtcdClient) -> ExecutionEnvironment {
        let start = ContinuousClock.now
        let shells: [String: any RemoteShell] = ["h1", "h2", "h3"].reduce(into: [:]) { $0[$1] = Host($1, self) }
        var environment = ExecutionEnvironment(
            shells: shells, store: ClientStore(client: client), journal: journal, operatorName: "ann@control",
            processID: 100, isRunning: { _ in false }, now: { ContinuousClock.now - start },
            timestamp: { [self] in UTCTime(seconds: now.withLock { $0 }).description },
            sleep: { try await Task.sleep(for: $0) },
            randomBytes: { count in (0..<count).map { _ in UInt8.random(in: 0...255) } },
            readFile: { Array(try Data(contentsOf: URL(fileURLWithPath: $0))) }, readEnvironment: { _ in nil })
        environment.localFiles = LocalFiles(
            write: { path, bytes in
                let url = URL(fileURLWithPath: path)
                try FileManager.default.createDirectory(
                    at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(bytes).write(to: url, options: .atomic)
            },
            remove: { path in
                try? FileManager.default.removeItem(atPath: path)
                rmdir((path as NSString).deletingLastPathComponent)
            })
        return environment
    }

    func apply(_ plan: Plan, _ client: EtcdClient, _ facts: ClusterFacts? = nil) async throws {
        let facts = facts ?? ManagedCluster.facts(spec)
        try await Executor(plan: plan, environment: environment(client)).run(survey: { facts }) { [self] event in
            switch event {
            case .stepDone(let step, _, _, _): events.withLock { $0.append("done \(step.id)") }
            case .stepSkipped(let step, _, _): events.withLock { $0.append("skip \(step.id)") }
            default: break
            }
        }
    }

    func release(_ plan: Plan, _ client: EtcdClient) async throws {
        try await Releaser(plan: plan, environment: environment(client), replicas: .remove).run { _ in }
    }

    /// Every file and link of the three hosts and the operator's machine, scripts and logs of this world left out.
    func files() -> [String] {
        let all = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
        return all.filter { path in
            !["/bin", "/log", "/run.yml", "/pid"].contains { path.contains($0) && !path.contains("usr/bin/etcd") }
        }.sorted()
    }

    func pid(_ host: String) -> String? { try? String(contentsOfFile: "\(root)/\(host)/pid", encoding: .utf8) }

    struct Cut: Error {}

    /// A shell on one of the hosts.
    private final class Host: RemoteShell {
        let hostName: String
        private let world: ManagedStoreWorld
        private let inner: RootedShell

        init(_ name: String, _ world: ManagedStoreWorld) {
            (hostName, self.world) = (name, world)
            inner = RootedShell(name, root: "")
        }

        func run(
            _ command: String, as account: Account, standardInput: [UInt8], deadline: Duration,
            onOutput: (@Sendable ([UInt8]) -> Void)?
        ) async throws -> CommandResult {
            world.commands.withLock { $0.append(command) }
            let isCut = world.cut.withLock { state in
                state.count += 1
                return state.at.map { state.count > $0 } ?? false
            }
            if isCut { throw Cut() }
            let root = "\(world.root)/\(hostName)"
            var text = command
            for place in ["/var/lib/pgadopt", "/etc/pgadopt", "/etc/systemd", "/usr/bin/etcd", "/proc/net"] {
                text = text.replacingOccurrences(of: place, with: root + place)
            }
            return try await inner.run(
                "PATH='\(root)/bin':$PATH; export PATH\n" + text, as: account, standardInput: standardInput,
                deadline: deadline, onOutput: onOutput)
        }
    }

    /// The store as the tool's own adapter shows it.
    private struct ClientStore: AdoptionStore {
        let client: EtcdClient

        func createOnly(_ key: String, _ value: String) async throws -> Bool {
            try await client.txn(
                Transaction(compares: [.absent(key)], success: [.put(key: key, value: Array(value.utf8), lease: 0)]),
                timeout: .seconds(5)
            ).succeeded
        }

        func read(prefix: String) async throws -> [String: String] {
            let range = try await client.range(prefix: prefix, timeout: .seconds(5))
            return Dictionary(
                range.keyValues.map { ($0.keyText, String(decoding: $0.value, as: UTF8.self)) },
                uniquingKeysWith: { $1 })
        }

        func replace(_ key: String, ifValue value: String, with new: String) async throws {}

        func delete(_ key: String, ifValue value: String) async throws {
            _ = try await client.txn(
                Transaction(compares: [Compare(key, .value(Array(value.utf8)))], success: [.delete(.key(key))]),
                timeout: .seconds(5))
        }

        func silentEndpoints() async -> [String: String] {
            var silent: [String: String] = [:]
            for endpoint in client.configuration.endpoints {
                do {
                    _ = try await client.status(of: endpoint, timeout: .seconds(2))
                } catch {
                    silent[endpoint.description] = "\(error)"
                }
            }
            return silent
        }
    }
}
