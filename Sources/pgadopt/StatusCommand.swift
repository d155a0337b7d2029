import ArgumentParser
import Cluster
import Report
import Store

/// `pgadopt status`
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show whether the cluster is well: leader, members, lag, what waits for a restart.",
        discussion: """
            Exit code 0 when there is a leader and every member of the inventory runs; 1 otherwise.
            Example: pgadopt status inventory.yaml
            """)

    @OptionGroup var inventory: InventoryArgument
    @Flag(help: "JSON in the form of Patroni's GET /cluster.")
    var json = false

    func run() async throws {
        let control = ControlHost(spec: try inventory.load())
        let client = try control.storeClient()
        let (view, _) = try await readCluster(
            client, namespace: control.spec.store.namespace, scope: control.spec.name)
        await client.close()
        if json {
            print(view.clusterJSON(scope: control.spec.name).prettyText)
        } else {
            Terminal.put(StatusText(style: Terminal.style).text(cluster: control.spec.name, view))
        }
        let missing = control.spec.members.map(\.name).filter { view.member($0)?.state != .running }
        guard view.leader != nil, missing.isEmpty else {
            let what = view.leader == nil ? "no leader" : "not running: \(missing.joined(separator: ", "))"
            throw ValidationError("the cluster \(control.spec.name) needs attention: \(what)")
        }
    }
}
