import Inventory
import PostgresModel

extension PlanContext {
    /// The rules every member needs, for every member's address: after a failover any of them is the source.
    func hbaRules() -> [String] {
        var rules: [String] = []
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
        let edit = FileEdit(path: path, edit: .managedBlock(hbaRules()), before: before)
        let isPrimary = host.name == primary.name
        let probes = (isPrimary ? Array(replicas.prefix(1)) : [primary]).map { client in
            HBAChange.Probe(
                host: client.name, address: host.address, port: running.port, role: Layout.rewindRole,
                passfile: layout.passfile, osUser: osUser(of: client), binDirectory: binDirectory(of: client))
        }
        return HBAChange(
            server: running.local, edit: edit, probes: probes, stateDirectory: layout.state,
            dataDirectory: isPrimary ? nil : running.dataDirectory)
    }

    /// pg_hba.conf wants a mask for addresses and none for names.
    private func hbaAddress(_ address: String) -> String {
        if address.contains(":") { return "\(address)/128" }
        let parts = address.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil } ? "\(address)/32" : address
    }
}
