import Configuration
import Facts
import Inventory
import PostgresModel

/// Standbys that run already: they are taken over in place, by a reload, with their data directory, their port and
/// their own configuration.
extension PlanContext {
    /// The running server of a member: the primary's, or a standby that is taken over.
    func runningServer(of host: HostSpec) -> ServerFacts? {
        host.name == primary.name ? server : standbys[host.name]
    }

    /// Where a member's files lie: those of its own server, or as on the primary, from which they will be copied.
    func model(of host: HostSpec) -> ServerFacts { runningServer(of: host) ?? server }

    /// A running standby of the primary's cluster. Whether it may be taken over is for the checks to say.
    func runningStandby(on host: HostSpec) -> ServerFacts? {
        let wanted = postgres(of: host)
        return facts.host(host.name)?.runningStandby(
            of: control.systemIdentifier, dataDirectory: wanted.dataDirectory, port: wanted.port)
    }

    /// The values of our include file on a standby that runs: limits of its own that are higher stay, and what it
    /// keeps of WAL does not fall.
    func parameters(_ values: [String: String], ofStandby standby: ServerFacts) -> [String: String] {
        var values = values
        for (name, text) in values {
            guard let running = standby.sql?.settings.first(where: { $0.name == name }), running.unit != "ms",
                let own = Int64(running.value), let ours = Int64(text.prefix { $0.isNumber || $0 == "-" })
            else { continue }
            // Both in the server's own unit: MB for what we write with a unit.
            if own > ours { values[name] = running.value + (text.hasSuffix("MB") ? "MB" : "") }
        }
        return values
    }

    func upstreamStep(_ host: HostSpec, _ standby: ServerFacts) throws(PlanningError) -> PlannedStep {
        let slot = slotName(forMember: host.name)
        let own = ManagedConfiguration.Standby(
            primaryConnInfo: primaryConnection(for: host), primarySlotName: slot)
        let altered = ["primary_conninfo", "primary_slot_name"].filter { name in
            standby.sql?.settings.first { $0.name == name }?.sourceFile?.hasSuffix("/postgresql.auto.conf") == true
        }
        let former = formerUpstream(of: standby)
        let change = UpstreamChange(
            member: host.name, server: standby.local, dataDirectory: standby.dataDirectory,
            postmaster: standby.identity, file: try includeFile(of: host, standby: own),
            include: try includeLine(of: host),
            overridingFile: altered.isEmpty ? nil : "\(standby.dataDirectory)/postgresql.auto.conf",
            overridden: altered, primaryHost: primary.name, primary: local, slot: slot, former: former)
        let left = former.flatMap { former in
            former.slot.map {
                "; the slot \($0) on \(former.host), which it used, is not ours and stays, and keeps WAL "
                    + "(\(former.limit)) until you drop it: \(former.dropCommand ?? "")"
            }
        }
        return PlannedStep(
            host: host.name, kind: .upstream(change), effect: .reload,
            summary: "let the running standby (process \(standby.postmasterPID)) stream from \(primary.name) by slot "
                + "\(slot) and as \(Layout.replicationRole), by a reload" + (left ?? ""),
            estimate: StepEstimate(.seconds(6)),
            undo: "put its settings of before back and reload: it streams from where it did, under its own login and slot")
    }

    /// The member that sends to a standby now, with the slot it uses there.
    private func formerUpstream(of standby: ServerFacts) -> UpstreamChange.Former? {
        guard let receiver = standby.sql?.walReceiver,
            let sender = spec.members.first(where: { sends(to: receiver, $0) }),
            let running = facts.host(sender.name)?.servers.first(where: {
                $0.control?.systemIdentifier == control.systemIdentifier
            })
        else { return nil }
        let slot = (receiver.slot ?? "").isEmpty ? nil : receiver.slot
        // Two names for one slot would be one too many.
        let isOurs = spec.members.contains { slotName(forMember: $0.name) == slot }
        let cap = running.sql?.settings.first { $0.name == "max_slot_wal_keep_size" }.flatMap { Int64($0.value) }
        return .init(
            host: sender.name, server: running.local, slot: isOurs ? nil : slot,
            cap: cap.flatMap { $0 < 0 ? nil : ByteCount($0 << 20) })
    }

    private func sends(to receiver: WALReceiverFacts, _ host: HostSpec) -> Bool {
        facts.host(host.name)?.isReached(by: receiver.senderHost ?? "", inventoryAddress: host.address) == true
    }
}

extension ServerFacts {
    /// The server's process.
    var identity: PostmasterIdentity { PostmasterIdentity(pid: postmasterPID, startTicks: postmasterStartTicks) }

    /// How its own host reaches it.
    var local: LocalServer {
        LocalServer(
            osUser: osUser, binDirectory: binDirectory, socketDirectory: socketDirectories.first ?? "/tmp", port: port)
    }
}
