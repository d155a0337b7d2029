import ArgumentParser
import Cluster
import Facts
import Report
import Store

/// `pgadopt status`
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show whether the cluster is well: leader, members, lag, pause, what waits for a restart.",
        discussion: """
            Exit code 0 when there is a leader and every member of the inventory runs; 1 otherwise.
            Examples:
              pgadopt status inventory.yaml
              pgadopt status inventory.yaml --json
            """)

    @OptionGroup var inventory: InventoryArgument
    @Flag(help: "JSON in the form of Patroni's GET /cluster, with 'problems' and 'deferred' besides.")
    var json = false

    func run() async throws {
        let control = ControlHost(spec: try inventory.load())
        let client = try control.storeClient()
        let (view, _) = try await readCluster(
            client, namespace: control.spec.store.namespace, scope: control.spec.name)
        await client.close()
        let missing = control.spec.members.map(\.name).filter { view.member($0)?.state != .running }
        let problems = (view.leader == nil ? ["no leader"] : [])
            + (missing.isEmpty ? [] : ["not running: \(missing.joined(separator: ", "))"])
            + view.relayProblems
        if json {
            print(StatusJSON().text(cluster: control.spec.name, view, problems: problems))
        } else {
            Terminal.put(StatusText(style: Terminal.style).text(cluster: control.spec.name, view))
        }
        // Of the control host's own alone: check and verify look at those of the hosts.
        if let days = control.clientCertificateDays(), days < EtcdFacts.renewalDays {
            Terminal.note("the certificates of the store end in \(days) days; pgadopt plan renews them\n")
        }
        guard problems.isEmpty else {
            throw ValidationError(
                "the cluster \(control.spec.name) needs attention: \(problems.joined(separator: "; "))")
        }
    }
}
