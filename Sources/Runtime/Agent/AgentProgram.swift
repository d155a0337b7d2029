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
import Relay
import Server
import Store
import Synchronization
import Timekeeping

/// Puts an agent together from its configuration and runs it until it is told to go.
public enum AgentProgram {
    /// - Parameter readAgain: reads the configuration from where it came, for SIGHUP and POST /reload.
    /// - Throws: what keeps the agent from starting: an API port in use, a directory that cannot be written.
    public static func run(
        _ configuration: AgentConfiguration, log: Logger,
        readAgain: @escaping @Sendable () throws -> AgentConfigurationReading
    ) async throws {
        // What the main thread's task starts has its raised priority, and the threads of such tasks ask the kernel for
        // one that only root gets ("Failed to set thread priority"). A task of its own has the ordinary one, and a
        // continuation, unlike waiting for the task's value, does not raise it.
        let result = await withCheckedContinuation { continuation in
            Task.detached(priority: .medium) {
                do {
                    try await serve(configuration, log: log, readAgain: readAgain)
                    continuation.resume(returning: Result<Void, any Error>.success(()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        try result.get()
    }

    private static func serve(
        _ configuration: AgentConfiguration, log: Logger,
        readAgain: @escaping @Sendable () throws -> AgentConfigurationReading
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let clock = BootClock()
        let now: @Sendable () -> BootInstant = { clock.now }
        let parts = try parts(configuration, group: group, clock: clock, log: log)
        let service = ServiceManager(path: getenv("NOTIFY_SOCKET").map { String(cString: $0) })
        let controller = ControllerBox()
        let api = APIServer(controller: controller, limits: .init(configuration.restapi), now: now, log: log)
        let agent = Agent(
            configuration: configuration, parts: parts, peers: try peers(configuration, group), service: service,
            log: log, readConfiguration: readAgain
        ) { configuration, agent in
            let options = try APIServer.Options(configuration) { log.warning("\($0)") }
            if try api.apply(options) { log.notice("the API shows another certificate from now on") }
            await agent.use(try peers(configuration, group))
        }
        controller.agent.withLock { $0 = agent }
        try api.apply(APIServer.Options(configuration) { log.warning("\($0)") })

        await agent.prepare()
        let address = configuration.restapi.listen
        // A loop of its own: a flood of requests must not stand between the lease and its renewal.
        let requests = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let channel = try await api.start(host: address.bindHost, port: address.port, on: requests)
        log.notice("\(configuration.name) of \(configuration.scope): API on \(address)")

        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await parts.store.run() }
            tasks.addTask { await parts.lease.run() }
            tasks.addTask { await parts.reports.run() }
            tasks.addTask { for await report in parts.reports.done { await agent.reportDone(report) } }
            tasks.addTask { for await new in await parts.store.states() { await agent.storeChanged(new) } }
            tasks.addTask { await StoreMarkFile(configuration.storeMarkPath, log: log).keep(parts.store) }
            tasks.addTask { for await new in await parts.lease.states() { await agent.leaseChanged(new) } }
            tasks.addTask { for await _ in parts.server.postmasterExits { await agent.postmasterDied() } }
            tasks.addTask { for await _ in parts.guardian.losses { await agent.guardLost() } }
            tasks.addTask {
                let hostStops = configuration.runtimeDirectory + "/host-stops"
                await Signals.watch(
                    hostStops: hostStops, end: { await agent.end($0) }, reload: { await agent.reload() },
                    deadlock: { await agent.deadlock() })
            }
            tasks.addTask { await agent.probeLoop() }
            if configuration.pgadopt.storeLeaderApart {
                tasks.addTask { await agent.storeLeaderLoop(parts.storeLeader) }
            }
            await agent.decisionLoop(publish: { api.publish($0) })
            service.stopping()
            tasks.cancelAll()
        }
        try? await channel.close()
        await parts.relay.stop()
        await parts.guardian.disconnect()
    }

    private static func parts(
        _ configuration: AgentConfiguration, group: any EventLoopGroup, clock: BootClock, log: Logger
    ) throws -> Agent.Parts {
        let etcd = try etcdConfiguration(configuration)
        let runtime = configuration.runtimeDirectory
        let ttl = DynamicConfiguration().ttl
        let client = try EtcdClient(etcd, group: group)
        let store = ClusterStore(
            client: client, namespace: configuration.namespace,
            scope: configuration.scope, member: configuration.name,
            recalled: StoreMarkFile.read(from: configuration.storeMarkPath), clock: clock, log: log)
        return Agent.Parts(
            server: LocalServer(try ServerSettings(configuration), log: log),
            store: store,
            storeLeader: StoreLeader(
                client: client,
                ownHosts: [configuration.restapi.connectAddress.host, "localhost", "127.0.0.1", "::1"]),
            reports: ReportWriter(store: store, log: log),
            lease: LeaseKeeper(client: try EtcdClient(etcd, group: group), ttl: ttl, clock: clock, log: log),
            guardian: GuardClient(socket: "\(runtime)/guard.sock"),
            guardProgram: .init(path: configuration.guardPath, logFile: "\(runtime)/guard.log"),
            watchdog: .real(configuration.watchdog), relay: RelayKeeper(log: log))
    }

    private static func peers(_ configuration: AgentConfiguration, _ group: any EventLoopGroup) throws -> PeerPolling {
        let client = try APIClient(group: group, options: APIClient.Options(configuration))
        return PeerPolling(client: client, deadline: .milliseconds(700))
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

/// Stands for the agent where the API server is made, which is before the agent.
private final class ControllerBox: APIController {
    let agent = Mutex<Agent?>(nil)

    func perform(_ command: APICommand) async -> APIResponse {
        guard let agent = agent.withLock({ $0 }) else { return .text("the agent is starting", status: 503) }
        return await agent.perform(command)
    }
}

extension ListenAddress {
    /// The one address to bind; `*` and several addresses mean all of them.
    var bindHost: String {
        guard hosts.count == 1, let host = hosts.first, host != "*" else { return "0.0.0.0" }
        return host
    }
}
