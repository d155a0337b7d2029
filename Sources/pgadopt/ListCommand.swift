import ArgumentParser
import Cluster
import Store

/// `pgadopt list`
struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show the cluster's members, roles and lag, from the store.",
        discussion: "Example: pgadopt list inventory.yaml")

    @OptionGroup var inventory: InventoryArgument
    @Flag(help: "JSON in the form of Patroni's GET /cluster.")
    var json = false

    func run() async throws {
        let control = ControlHost(spec: try inventory.load())
        let client = try control.storeClient()
        let (view, _) = try await readCluster(
            client, namespace: control.spec.store.namespace, scope: control.spec.name)
        await client.close()
        guard !view.members.isEmpty || view.initialize != nil else {
            throw ValidationError("""
                the store holds nothing below \(control.base): the cluster \(control.spec.name) is not adopted yet. \
                Run: pgadopt plan \(inventory.inventory)
                """)
        }
        print(json ? view.clusterJSON(scope: control.spec.name).prettyText : view.table(scope: control.spec.name))
    }
}
