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

    func hbaChange() throws(PlanningError) -> HBAChange {
        guard let path = server.hbaFile, let before = server.hbaText else {
            throw PlanningError(.missingFacts, host: primary.name, "pg_hba.conf could not be read")
        }
        let edit = FileEdit(path: path, edit: .managedBlock(hbaRules()), before: before)
        let probes = replicas.prefix(1).map { replica in
            HBAChange.Probe(
                host: replica.name, address: primary.address, port: server.port, role: Layout.rewindRole,
                passfile: layout.passfile, osUser: osUser(of: replica), binDirectory: binDirectory(of: replica))
        }
        return HBAChange(server: local, edit: edit, probes: Array(probes), stateDirectory: layout.state)
    }

    /// pg_hba.conf wants a mask for addresses and none for names.
    private func hbaAddress(_ address: String) -> String {
        if address.contains(":") { return "\(address)/128" }
        let parts = address.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil } ? "\(address)/32" : address
    }
}
