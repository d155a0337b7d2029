import Configuration
import JSON
import PostgresModel
import Relay
import Server
import Timekeeping

/// The relay of this member, while its server listens on its own host only: from the adoption to the next planned
/// restart, at which the include file's `listen_addresses` comes into force.
extension Agent {
    /// What the running server says of where it listens. One that is down or silent says nothing: the last word
    /// counts, for it will have been started anew when it speaks again.
    func noteListening(_ details: ServerDetails) {
        guard let addresses = details.listenAddresses else { return }
        state.isServerLocal = ListenAddresses(addresses).isLocal
    }

    /// Where other members reach this server: the relay while the server is local and there is one, else the server.
    var replicationAddress: HostPort {
        relayAddress ?? configuration.postgresql.connectAddress
    }

    private var relayAddress: HostPort? {
        guard state.isServerLocal, let listen = configuration.pgadopt.relay?.listen else { return nil }
        return HostPort(host: configuration.postgresql.connectAddress.host, port: listen.port)
    }

    /// Starts, looks after or ends the relay, beside the loop.
    func keepRelay() {
        guard let own = configuration.pgadopt.relay, let listen = own.listen else { return }
        let settings = RelaySettings(
            host: listen.bindHost, port: listen.port,
            socket: "\(configuration.postgresql.socketDirectory)/.s.PGSQL.\(configuration.postgresql.listen.port)",
            role: configuration.postgresql.replication?.username ?? "pgadopt_replication",
            certificateFile: own.certificateFile, keyFile: own.keyFile, authorityFile: own.authorityFile)
        let wanted = state.isServerLocal ? settings : nil
        if wanted == nil, state.relay == .off { return }
        // The replicas' agents learn of the server's own address from our member key, within a cycle of theirs.
        let grace = max(.seconds(20), dynamic.loopWait * 3)
        beside("keeping the relay", endDecides: false) { agent in
            let status = await agent.parts.relay.keep(wanted, grace: grace, now: agent.clock.now)
            await agent.note(status)
        }
    }

    private func note(_ status: RelayKeeper.Status) { state.relay = status }

    /// For the member key, from which `status` and plans have it.
    var relayReport: JSON? {
        guard let address = relayAddress else { return nil }
        var report: JSONObject = ["address": .string(address.description)]
        switch state.relay {
        case .off: break
        case .serving(_, let carried, let end):
            report["connections"] = .int(Int64(carried))
            report["certificate_ends"] = .int(end)
        case .failed(let error): report["problem"] = .string(error.message)
        }
        return .object(report)
    }
}
