import Etcd
import Facts
import Inventory
import Planning
import Preflight
import SSH
import Shell
import Survey

extension SSHError: ShellFailure {}

/// The way from an inventory to findings; shared by check, plan and apply. Changes nothing anywhere.
struct Preparation {
    let control: ControlHost
    let shells: [String: SSHHost]
    let client: EtcdClient
    let facts: ClusterFacts

    var spec: ClusterSpec { control.spec }

    init(_ spec: ClusterSpec) async throws {
        control = ControlHost(spec: spec)
        client = try control.storeClient()
        shells = try await control.shells()
        facts = await Self.survey(control, shells, client)
    }

    /// Looks again, with the same connections.
    func surveyAgain() async -> ClusterFacts { await Self.survey(control, shells, client) }

    private static func survey(
        _ control: ControlHost, _ shells: [String: SSHHost], _ client: EtcdClient
    ) async -> ClusterFacts {
        let store = await control.storeFacts(client)
        return await surveyCluster(spec: control.spec, shells: shells, store: store)
    }

    func findings(waivers: Set<String>) -> [Finding] { evaluate(facts, spec, waivers: waivers) }

    func plan(_ findings: [Finding]) throws -> Plan {
        try Planner(bundle: try Bundle.locate(), toolVersion: toolVersion, createdAt: WallClock.system.timestamp)
            .plan(spec, facts, findings)
    }

    func close() async {
        await client.close()
        for shell in shells.values { await shell.disconnect() }
    }
}

/// The archive with the agent that is installed on the hosts.
enum Bundle {
    /// PGADOPT_BUNDLE, or the archive beside the tool's own installation, or `dist/` of a source tree.
    static func locate() throws -> BundleSource {
        let own = executableDirectory()
        let name = "pgadopt-bundle-\(architecture()).tar.gz"
        let named = Files.environment("PGADOPT_BUNDLE")
        let places = named.map { [$0] }
            ?? ["\(own)/../share/\(name)", "\(own)/\(name)", "\(own)/../../../dist/\(name)", "dist/\(name)"]
        guard let path = places.first(where: Files.exists) else {
            throw FileError(
                path: places[0],
                problem: "the agent's bundle is not there; build it with scripts/bundle, or name it in PGADOPT_BUNDLE")
        }
        let bytes = try Files.read(path)
        return BundleSource(path: Files.absolute(path), digest: sha256(bytes), size: .init(Int64(bytes.count)))
    }

    private static func executableDirectory() -> String {
        Files.linkTarget("/proc/self/exe").map { $0.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } } ?? "."
    }

    private static func architecture() -> String {
        #if arch(arm64)
            "aarch64"
        #else
            "x86_64"
        #endif
    }
}
