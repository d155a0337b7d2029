import Facts
import PostgresModel

/// Standbys that run already, and are to be taken over without a restart or a copy.
let standbyTakeoverRules: [Rule] = [
    Rule(
        "standby.in-place", "standbys that run are taken over as they run",
        fails: "one cannot: PostgreSQL 12, cannot be asked, does not stream, another timeline or upstream, delayed, "
            + "replay paused or bound to a target, primary_conninfo on the command line, or bound to its own host",
        why: "Nothing is rebuilt or restarted that streams already; what only a restart could change is refused.",
        remedy: "Remedy what it says, or stop it and move its data directory aside: it is then built anew.", .human
    ) { picture in
        guard let identifier = picture.systemIdentifier else { return [] }
        return picture.replicas.compactMap { host in
            if picture.isAdopted(host) { return .ok(host.name, "has its agent already") }
            let running = host.facts.servers.filter {
                $0.control?.systemIdentifier == identifier && $0.sql?.isInRecovery != false
            }
            if running.isEmpty { return nil }
            guard let standby = picture.standby(on: host), let sql = standby.sql else {
                return running.count == 1 && running[0].sql != nil
                    ? .fail(
                        host.name, "a standby runs on port \(running[0].port) in \(running[0].dataDirectory), and the "
                            + "inventory means another server",
                        remedy: "Name its port or data_directory in the inventory.", .human)
                    : .fail(
                        host.name, running.count > 1
                            ? "\(running.count) standbys of this cluster run here; the inventory must name the port of one"
                            : "the standby cannot be asked: hot_standby is off, or no connection was possible")
            }
            let obstacles = TakeoverObstacles(picture: picture, host: host, sql: sql).found
            guard obstacles.isEmpty else { return .fail(host.name, listed(obstacles)) }
            return .ok(
                host.name, "process \(standby.postmasterPID) streams from \(sql.walReceiver?.senderHost ?? "?") "
                    + "on timeline \(sql.walReceiver?.timeline?.description ?? "?"): by a reload")
        }
    },
    Rule(
        "standby.sync-name", "commits find the standby they wait for",
        fails: "synchronous_standby_names does not have the member's name, which the standby gets",
        why: "A standby that is taken over streams under its member's name; commits that wait for the old one hang.",
        remedy: "Add the member's name to synchronous_standby_names first, or name the host in the inventory so.",
        .reload
    ) { picture in
        guard let text = picture.setting("synchronous_standby_names"), let primary = picture.primary else { return [] }
        if text.isEmpty { return [.ok(primary.name, "no commit waits for a standby")] }
        if picture.isAdopted(primary) { return [.ok(primary.name, "kept by the agent: \(text)")] }
        let names = synchronousNames(text)
        return picture.replicas.compactMap { host in
            guard picture.standby(on: host) != nil else { return nil }
            return names.contains("*") || names.contains(host.name.lowercased())
                ? .ok(host.name, "named in '\(text)'") : .fail(host.name, "'\(text)' does not name \(host.name)")
        }
    },
    Rule(
        "standby.old-slot", "nothing is left behind that keeps WAL",
        warns: "a standby that is taken over leaves the slot that it used, which is its owner's",
        why: "Nobody reads that slot any more. It keeps WAL until it is dropped, the cap is reached or the disk is "
            + "full.",
        remedy: "Drop it after the adoption, when nothing else needs it; release makes it again.", .human
    ) { picture in
        let own = Set(picture.members.map { slotName(forMember: $0.name) })
        return picture.replicas.compactMap { host in
            if picture.isAdopted(host) { return .ok(host.name, "has its agent already") }
            guard let receiver = picture.standby(on: host)?.sql?.walReceiver else { return nil }
            guard let slot = receiver.slot, !slot.isEmpty, !own.contains(slot) else {
                return .ok(host.name, "leaves none")
            }
            let sender = picture.members.first {
                $0.facts.isReached(by: receiver.senderHost ?? "", inventoryAddress: $0.spec.address)
            }
            let cap = sender?.facts.servers.compactMap { $0.sql?.setting("max_slot_wal_keep_size") }.first ?? "-1"
            let limit = cap == "-1" ? "without a limit" : "at most \(cap) MB"
            let pace = picture.walRate.map { ", \(spoken(rate: $0)) now" } ?? ""
            return .warn(
                host.name, "its slot \(slot) on \(sender?.name ?? receiver.senderHost ?? "?") stays and keeps WAL, "
                    + limit + pace,
                remedy: "Once it streams by its new slot: select pg_drop_replication_slot('\(slot)') there, when "
                    + "nothing else needs it; release makes it again.")
        }
    },
]

/// Why a running standby cannot be taken over by a reload; each in a few words with its numbers.
private struct TakeoverObstacles {
    var picture: ClusterPicture
    var host: ClusterPicture.Host
    var sql: SQLFacts

    var found: [String] {
        [version, stream, upstream, timeline, delay, pause, target, commandLine, listening].compactMap { $0 }
    }

    /// primary_conninfo is read at the start only before version 13 (release notes of 13, "Streaming Replication").
    private var version: String? {
        sql.version.major >= 13
            ? nil : "PostgreSQL \(sql.version.major) reads primary_conninfo at its start only: it would need a restart"
    }

    private var stream: String? {
        guard let receiver = sql.walReceiver else { return "it does not stream" }
        return receiver.status == "streaming" ? nil : "its walreceiver is \(receiver.status)"
    }

    /// A cascade through another member is fine: that one has the primary's WAL too.
    private var upstream: String? {
        guard let sender = sql.walReceiver?.senderHost else { return nil }
        let isMember = picture.members.contains {
            $0.name != host.name && $0.facts.isReached(by: sender, inventoryAddress: $0.spec.address)
        }
        return isMember ? nil : "it streams from \(sender), which is no member of this inventory"
    }

    private var timeline: String? {
        guard let own = sql.walReceiver?.timeline, let primary = picture.primaryServer?.control?.timeline,
            own != primary
        else { return nil }
        return "it receives timeline \(own), the primary is on \(primary)"
    }

    private var delay: String? {
        guard let delay = sql.setting("recovery_min_apply_delay"), delay != "0" else { return nil }
        return "it replays \(delay) ms late (recovery_min_apply_delay): it could not take the lead at once"
    }

    private var pause: String? { sql.isReplayPaused == true ? "its replay is paused" : nil }

    private var target: String? {
        let targets = sql.settings.filter { row in
            guard row.name.hasPrefix("recovery_target"), !row.value.isEmpty else { return false }
            switch row.name {
            case "recovery_target_timeline": return row.value != "latest"
            case "recovery_target_action", "recovery_target_inclusive": return false
            default: return true
            }
        }
        guard let first = targets.first else { return nil }
        return "\(first.name) = '\(first.value)', which only a restart changes"
    }

    private var commandLine: String? {
        let fixed = sql.settings.filter {
            ["primary_conninfo", "primary_slot_name"].contains($0.name) && $0.source == "command line"
        }
        return fixed.first.map { "\($0.name) comes from its command line" }
    }

    private var listening: String? {
        guard let addresses = sql.setting("listen_addresses") else { return nil }
        return ListenAddresses(addresses).isLocal ? "listen_addresses = '\(addresses)' keeps the other members out" : nil
    }
}

/// The names in a value of synchronous_standby_names, in lower case; `*` is any.
private func synchronousNames(_ text: String) -> Set<String> {
    let inner = text.firstIndex(of: "(").map { String(text[text.index(after: $0)...].prefix { $0 != ")" }) } ?? text
    return Set(inner.split(separator: ",").map { $0.filter { $0 != "\"" && $0 != " " }.lowercased() })
}
