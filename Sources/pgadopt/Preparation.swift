import Etcd
import Facts
import Inventory
import Planning
import Preflight
import SSH
import Shell
import Survey

extension SSHError: ShellFailure {}

extension ControlHost {
    /// Surveys the hosts and reads the store; changes nothing anywhere.
    func survey(_ shells: [String: SSHHost], _ client: EtcdClient) async -> ClusterFacts {
        await surveyCluster(spec: spec, shells: shells, store: await storeFacts(client))
    }

    /// Connects, surveys and disconnects.
    func survey() async throws -> ClusterFacts {
        let client = try storeClient()
        let shells = try await shells()
        let facts = await survey(shells, client)
        await client.close()
        for shell in shells.values { await shell.disconnect() }
        return facts
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
        guard let program = Files.linkTarget("/proc/self/exe") else { return "." }
        return program.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }
    }

    private static func architecture() -> String {
        #if arch(arm64)
            "aarch64"
        #else
            "x86_64"
        #endif
    }
}
