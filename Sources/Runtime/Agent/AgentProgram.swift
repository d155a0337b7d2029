import API
import Configuration
import Etcd
import Glibc
import Guard
import HACore
import Kernel
import Logging
import NIOCore
import NIOPosix
import Server
import Store
import Timekeeping

/// Puts an agent together from its configuration and runs it until it is told to go.
public enum AgentProgram {
    /// - Throws: what keeps the agent from starting: an API port in use, a directory that cannot be written.
    public static func run(_ configuration: AgentConfiguration, log: Logger) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let clock = BootClock()
        let now: @Sendable () -> BootInstant = { clock.now }
        let parts = try parts(configuration, group: group, clock: clock, log: log)
        let agent = Agent(configuration: configuration, parts: parts, log: log)
        let api = APIServer(controller: agent, now: now, log: log)
        let service = ServiceManager(path: getenv("NOTIFY_SOCKET").map { String(cString: $0) })

        await agent.prepare()
        let address = configuration.restapi.listen
        let channel = try await api.start(host: address.bindHost, port: address.port, on: group)
        log.notice("\(configuration.name) of \(configuration.scope): API on \(address)")

        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await parts.store.run() }
            tasks.addTask { await parts.lease.run() }
            tasks.addTask { await parts.reports.run() }
            tasks.addTask { for await report in parts.reports.done { await agent.reportDone(report) } }
            tasks.addTask { for await new in await parts.store.states() { await agent.storeChanged(new) } }
            tasks.addTask { for await new in await parts.lease.states() { await agent.leaseChanged(new) } }
            tasks.addTask { for await _ in parts.server.postmasterExits { await agent.postmasterDied() } }
            tasks.addTask { for await _ in parts.guardian.losses { await agent.guardLost() } }
            tasks.addTask { await Signals.watch(hostStops: configuration.runtimeDirectory + "/host-stops") { await agent.end($0) } reload: { await agent.ring() } }
            tasks.addTask { await agent.probeLoop() }
            await agent.decisionLoop(publish: { api.publish($0) }, tell: { service.ready($0) })
            service.stopping()
            tasks.cancelAll()
        }
        try? await channel.close()
        await parts.guardian.disconnect()
    }

    private static func parts(
        _ configuration: AgentConfiguration, group: any EventLoopGroup, clock: BootClock, log: Logger
    ) throws -> Agent.Parts {
        let etcd = try etcdConfiguration(configuration)
        let runtime = configuration.runtimeDirectory
        let ttl = DynamicConfiguration().ttl
        let store = ClusterStore(
            client: try EtcdClient(etcd, group: group), namespace: configuration.namespace,
            scope: configuration.scope, member: configuration.name, clock: clock, log: log)
        return Agent.Parts(
            server: LocalServer(try ServerSettings(configuration), log: log),
            store: store, reports: ReportWriter(store: store, log: log),
            lease: LeaseKeeper(client: try EtcdClient(etcd, group: group), ttl: ttl, clock: clock, log: log),
            guardian: GuardClient(socket: "\(runtime)/guard.sock"),
            guardProgram: .init(path: configuration.guardPath, logFile: "\(runtime)/guard.log"),
            peers: PeerPolling(client: APIClient(group: group), deadline: .milliseconds(700)))
    }

    private static func etcdConfiguration(_ configuration: AgentConfiguration) throws -> EtcdConfiguration {
        let etcd = configuration.etcd
        let tls = etcd.usesTLS
            ? EtcdConfiguration.TLS(
                authorityFile: etcd.caFile, certificateFile: etcd.certificateFile, keyFile: etcd.keyFile)
            : nil
        let credentials = try etcd.login.map { login in
            EtcdConfiguration.Credentials(name: login.username, password: try login.password?.secret() ?? "")
        }
        return EtcdConfiguration(
            endpoints: etcd.endpoints.map { .init(host: $0.host, port: $0.port) }, tls: tls, credentials: credentials)
    }
}

extension ListenAddress {
    /// The one address to bind; `*` and several addresses mean all of them.
    var bindHost: String {
        guard hosts.count == 1, let host = hosts.first, host != "*" else { return "0.0.0.0" }
        return host
    }
}
