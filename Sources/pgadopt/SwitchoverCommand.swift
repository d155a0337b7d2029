import API
import ArgumentParser
import Cluster
import JSON
import NIOPosix
import Store

/// `pgadopt switchover`
struct SwitchoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "switchover", abstract: "Hand the leader's role to another member, in order and without loss.",
        discussion: """
            The leader checkpoints, stops and hands over once the candidate has its whole log.
            Example: pgadopt switchover inventory.yaml --to h2
            """)

    @OptionGroup var inventory: InventoryArgument
    @Option(help: "The member that is to lead; default: the most advanced one.")
    var to: String?
    @Flag(help: "Do not ask.")
    var yes = false

    func run() async throws {
        let control = ControlHost(spec: try inventory.load())
        let client = try control.storeClient()
        let (view, _) = try await readCluster(
            client, namespace: control.spec.store.namespace, scope: control.spec.name)
        await client.close()
        guard let leader = view.leader?.name, let url = view.member(leader)?.apiURL else {
            throw ValidationError("""
                the cluster has no leader now, so there is nothing to switch over from; \
                see: pgadopt list \(inventory.inventory)
                """)
        }
        let members = view.members.map(\.name).filter { $0 != leader }
        if let to, !members.contains(to) {
            throw ValidationError(
                "'\(to)' cannot take over from \(leader); members: \(members.joined(separator: ", "))")
        }
        let target = to ?? "the most advanced replica"
        guard yes || Terminal.confirm("Switch the leader of \(control.spec.name) from \(leader) to \(target)?") else {
            throw ValidationError("not confirmed; nothing was done (use --yes where nobody can answer)")
        }
        var wish: JSONObject = ["leader": .string(leader)]
        if let to { wish["candidate"] = .string(to) }
        let base = url.hasSuffix("/patroni") ? String(url.dropLast("/patroni".count)) : url
        let clock = ContinuousClock()
        let began = clock.now
        let answer = try await APIClient(group: MultiThreadedEventLoopGroup.singleton)
            .request("POST", base + "/switchover", body: JSON.object(wish).text, deadline: .seconds(60))
        let text = String(decoding: answer.body, as: UTF8.self)
        guard answer.status == 200 else {
            throw ValidationError("\(leader) answered: \(text) (HTTP \(answer.status))")
        }
        let took = began.duration(to: clock.now)
        let tenths = Int64(took / .milliseconds(100))
        print("\(text) in \(tenths / 10).\(tenths % 10) s")
    }
}
