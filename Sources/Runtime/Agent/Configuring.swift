import Cluster
import Configuration
import HACore
import JSON
import Kernel
import Server
import Timekeeping

/// Settings on their way to the server, the store and the agent itself: the member's file, read again on SIGHUP and
/// POST /reload, and the cluster's dynamic configuration, whenever the watch shows a new one.
extension Agent {
    // MARK: The member's file

    /// Reads the file again, soon.
    func requestReload() {
        Task { await reload() }
    }

    func reload() async {
        service.reloading()
        defer { service.ready(state.decision?.reason ?? "running") }
        let reading: AgentConfigurationReading
        do {
            reading = try readConfiguration()
        } catch {
            return log.error("the configuration cannot be read (\(error)); the agent goes on with the one it has")
        }
        for problem in reading.problems { log.warning("\(problem)") }
        guard let new = reading.configuration else {
            log.error("the configuration has errors; the agent goes on with the one it has")
            return
        }
        let change = ConfigurationChange(from: configuration, to: new)
        configuration = configuration.taking(new)
        let options = configuration.postgresOptions(with: dynamic)
        // Certificates, lines of pg_hba.conf and passwords may be other ones although the words are the same.
        state.configured = nil
        await parts.server.hooks.configure(HookCommands(scope: configuration.scope, options))
        do {
            try await reloadAPI(configuration, self)
        } catch {
            log.error("the API goes on with the certificates and passwords it has: \(error)")
        }
        log.notice("the configuration was read again; \(change.sentence ?? "nothing has changed")")
        await parts.server.hooks.call(.reload, role: memberRole.rawValue)
        bell.ring()
    }

    // MARK: The dynamic configuration

    /// The value of the store's `config` key, as it came. What is no object changes nothing: the leader writes the
    /// one in force back.
    func take(_ key: ConfigKey?) async {
        guard let key else { return }
        guard key.modRevision > 0, key.value.object != nil else {
            return log.error("the key 'config' in the store holds no JSON object; the configuration in force stays")
        }
        let config = key.value
        guard config != state.dynamicJSON || !state.hasDynamic else { return }
        let reading = DynamicConfiguration.read(config)
        for warning in reading.warnings { log.warning("config in the store: \(warning)") }
        await use(config, reading.configuration)
        state.hasDynamic = true
        cacheDynamic()
    }

    /// Before the store has said anything: the copy in the data directory, else what the file begins a cluster with.
    func recallDynamic() async {
        let cached = (try? readSmallText(dynamicFile)).flatMap { try? JSON(parsing: $0) }
        let first = cached?.object != nil ? cached : nil
        let config = first ?? .object(configuration.bootstrap.dcs)
        await use(config, DynamicConfiguration.read(config).configuration)
    }

    private func use(_ config: JSON, _ new: DynamicConfiguration) async {
        state.dynamicJSON = config
        guard new != dynamic else { return }
        dynamic = new
        let options = configuration.postgresOptions(with: dynamic)
        await parts.server.hooks.configure(HookCommands(scope: configuration.scope, options))
        await parts.lease.setTTL(dynamic.ttl)
        await parts.store.setTimes(loopWait: dynamic.loopWait, retryTimeout: dynamic.retryTimeout)
    }

    /// Patroni's name: operators who move in either direction find it where they look for it.
    private var dynamicFile: String { configuration.postgresql.dataDirectory + "/patroni.dynamic.json" }

    /// Written when it is another one, and again after the data directory was replaced by a copy.
    func cacheDynamic() {
        guard state.hasDynamic, case .present = state.server.storage else { return }
        let text = state.dynamicJSON.text
        guard (try? readSmallText(dynamicFile)) != text else { return }
        do {
            try writeWhole(Array(text.utf8), to: dynamicFile)
        } catch {
            log.warning("the copy of the dynamic configuration in the data directory was not written: \(error)")
        }
    }

    // MARK: PostgreSQL

    /// Brings the server's settings to what file and store want for its present role. Beside the loop, and only while
    /// no operation changes the same files.
    func configureServer() {
        guard state.hasDynamic, case .idle = state.operation, case .present = state.server.storage else { return }
        let wanted = configuration.serverConfiguration(with: dynamic, role: serverRole)
        if wanted == state.configured { return refreshPendingRestarts() }
        state.configured = wanted
        for warning in configuration.settingWarnings(with: dynamic) {
            if state.settingWarnings.insert(warning).inserted { log.warning("\(warning)") }
        }
        let limit = clock.now + max(.seconds(5), dynamic.loopWait)
        beside("configuring PostgreSQL") { agent in
            try await agent.parts.server.configure(wanted, by: limit)
            await agent.readPendingRestarts()
        }
    }

    /// An agent that has just come up, as after a reboot, may start the server before it had a moment to say what is
    /// wanted of it: without this a server that is ours to configure would listen at PostgreSQL's own default port.
    func configureBeforeStart(_ mode: StartMode) async throws {
        guard state.configured == nil else { return }
        let role: ServerRole = mode == .primary ? .primary : serverRole == .standbyLeader ? .standbyLeader : .replica
        let wanted = configuration.serverConfiguration(with: dynamic, role: role)
        _ = try await parts.server.configure(wanted, by: clock.now + .seconds(10))
        state.configured = wanted
    }

    private var serverRole: ServerRole {
        // Who makes a standby cluster needs the way to its archive before the first start, and the lock comes later.
        if state.claimedInitialize != nil, state.view?.initialize == "", dynamic.standbyCluster?.isEffective == true {
            return .standbyLeader
        }
        return switch memberRole {
        case .primary, .promoted: .primary
        case .standbyLeader: .standbyLeader
        case .replica, .demoted, .uninitialized: .replica
        }
    }

    /// An owner's own reload may make a setting wait, too: looked at now and then.
    private func refreshPendingRestarts() {
        guard case .running = state.server.process, clock.now - state.pendingReadAt > .seconds(20) else { return }
        beside("reading which settings wait for a restart", endDecides: false) { await $0.readPendingRestarts() }
    }

    private func readPendingRestarts() async {
        state.pendingReadAt = clock.now
        guard case .running = state.server.process,
            let pending = try? await parts.server.pendingRestarts(by: clock.now + .seconds(5)),
            pending != state.pendingRestarts
        else { return }
        state.pendingRestarts = pending
        for setting in pending {
            log.notice("\(setting.name) waits for a restart: '\(setting.oldValue)' now, '\(setting.newValue)' then")
        }
        bell.ring()
    }
}
