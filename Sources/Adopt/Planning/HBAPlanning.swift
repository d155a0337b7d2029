import Inventory
import PostgresModel

extension PlanContext {
    /// The rules every member needs, for every member's address: after a failover any of them is the source.
    func hbaRules(of member: HostSpec) -> [String] {
        var rules = localRule(of: member)
        for host in spec.members {
            let address = hbaAddress(host.address)
            rules.append("host replication \(Layout.replicationRole) \(address) scram-sha-256")
            rules.append("host postgres    \(Layout.rewindRole) \(address) scram-sha-256")
        }
        return rules
    }

    /// For the primary, or for a standby with a pg_hba.conf of its own; another member proves that it gets in.
    func hbaChange(of host: HostSpec) throws(PlanningError) -> HBAChange {
        let running = host.name != primary.name && isAdopted(host) ? try adoptedServer(of: host) : model(of: host)
        guard let path = running.hbaFile, let before = running.hbaText else {
            throw PlanningError(.missingFacts, host: host.name, "pg_hba.conf could not be read")
        }
        let edit = FileEdit(path: path, edit: .managedBlock(hbaRules(of: host)), before: before)
        let isPrimary = host.name == primary.name
        let clients = isPrimary ? Array(replicas.prefix(1)) : [primary]
        let probes = isRelayed && isPrimary ? [relayProbe()] : clients.map { client in
            HBAChange.Probe(
                host: client.name, address: host.address, port: running.port, role: Layout.rewindRole,
                passfile: layout.passfile, osUser: osUser(of: client), binDirectory: binDirectory(of: client))
        }
        return HBAChange(
            server: running.local, edit: edit, probes: probes, stateDirectory: layout.state,
            dataDirectory: isPrimary ? nil : running.dataDirectory)
    }

    /// A relay's login is asked for its password, whatever the owner's rules say of the socket. Once written, the rule
    /// stays: it takes nothing from anybody.
    private func localRule(of host: HostSpec) -> [String] {
        let rule = "local replication \(Layout.replicationRole) scram-sha-256"
        let text = facts.host(host.name)?.servers.first {
            $0.control?.systemIdentifier == control.systemIdentifier
        }?.hbaText
        let isThere = text.flatMap { HBAFile(text: $0).managedLines }?.contains(rule) ?? false
        return isRelayed || isThere ? [rule] : []
    }

    /// Nobody reaches the server from elsewhere; what the relay will do is tried.
    private func relayProbe() -> HBAChange.Probe {
        HBAChange.Probe(
            host: primary.name, address: socketDirectory, port: server.port, role: Layout.replicationRole,
            passfile: layout.passfile, osUser: osUser(of: primary), binDirectory: binDirectory(of: primary),
            replicates: true)
    }

    /// pg_hba.conf wants a mask for addresses and none for names.
    private func hbaAddress(_ address: String) -> String {
        if address.contains(":") { return "\(address)/128" }
        let parts = address.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil } ? "\(address)/32" : address
    }
}
