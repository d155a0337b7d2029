import Facts
import PostgresModel

/// Standbys that run already, looked at as future primaries.
let standbyDetailRules: [Rule] = [
    standbys(
        "standby.limits", "standbys' limits are not lower than the primary's",
        fails: "max_connections, max_worker_processes, max_wal_senders, max_prepared_transactions or max_locks_per_transaction is lower",
        why: "A standby with a lower limit stops replaying (14 and later) or does not start.",
        remedy: "Raise it on the standby first, then on the primary.", .restart
    ) { picture, host, _, standby in
        let lower = ["max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions", "max_locks_per_transaction"]
            .compactMap { name -> String? in
                guard let theirs = standby.setting(name).flatMap({ Int($0) }), let ours = picture.number(name).map({ Int($0) }), theirs < ours
                else { return nil }
                return "\(name) = \(theirs), the primary has \(ours)"
            }
        return lower.isEmpty ? .ok(host.name, "none is lower") : .fail(host.name, listed(lower))
    },
    standbys(
        "standby.delayed", "standbys replay at once", warns: "recovery_min_apply_delay is set",
        why: "A delayed standby is a way back in time, not a candidate for the lead.",
        remedy: "Tag it nofailover, or reset the delay.", .none
    ) { _, host, _, standby in
        let delay = standby.setting("recovery_min_apply_delay") ?? "0"
        return ["0", ""].contains(delay) ? .ok(host.name, "no delay") : .warn(host.name, "recovery_min_apply_delay = \(delay) ms")
    },
    standbys(
        "standby.trigger", "no stray file promotes a standby", warns: "promote_trigger_file is set (before 16)",
        why: "A file of that name, made by an old script, makes a second primary.", remedy: "Remove the setting and the script.", .reload
    ) { _, host, _, standby in
        let file = standby.setting("promote_trigger_file") ?? ""
        return file.isEmpty ? .ok(host.name, "none") : .warn(host.name, "promote_trigger_file = '\(file)'")
    },
    standbys(
        "standby.lag", "standbys are close behind", warns: "one is over 1 GiB behind, or replays from an archive only",
        why: "It would lose that much if it had to take over, and cannot be adopted as a member that streams.",
        remedy: "Let it catch up.", .human
    ) { picture, host, server, standby in
        guard standby.walReceiver != nil else { return .warn(host.name, "does not stream (archive only?)") }
        guard let there = standby.currentLSN, let here = picture.primarySQL?.currentLSN else { return nil }
        let lag = here.bytes(ahead: there)
        return lag > ByteCount(1 << 30) ? .warn(host.name, "\(lag) behind") : .ok(host.name, "\(lag) behind")
    },
    standbys(
        "standby.upstream", "standbys follow the primary itself", warns: "one follows another host, or has no slot",
        why: "A cascade breaks when its middle is rebuilt; without a slot WAL it needs may be gone.",
        remedy: "The agent points it at the leader, with a slot of its own.", .reload
    ) { picture, host, _, standby in
        guard let receiver = standby.walReceiver, let primary = picture.primary else { return nil }
        let sender = receiver.senderHost ?? "?"
        let addresses = primary.facts.network.addresses.map { $0.split(separator: "/").first.map(String.init) ?? $0 }
        let isPrimary = sender == primary.spec.address || sender == primary.facts.system.hostname || addresses.contains(sender)
        if !isPrimary { return .warn(host.name, "follows \(sender)") }
        return (receiver.slot ?? "").isEmpty ? .warn(host.name, "streams without a slot") : .ok(host.name, "slot \(receiver.slot ?? "")")
    },
    standbys(
        "standby.settings", "standbys have the primary's settings", warns: "settings that change how queries run or what is kept differ",
        why: "After a failover the applications meet another server than they know.",
        remedy: "Make the files agree; what belongs to all members goes into the cluster's configuration.", .reload
    ) { picture, host, _, standby in
        let names = [
            "work_mem", "shared_buffers", "effective_cache_size", "random_page_cost", "statement_timeout", "max_wal_size",
            "shared_preload_libraries", "timezone", "TimeZone", "wal_level", "max_replication_slots", "default_text_search_config",
        ]
        let different = names.compactMap { name -> String? in
            guard let theirs = standby.setting(name), let ours = picture.setting(name), theirs != ours else { return nil }
            return "\(name) = \(theirs), the primary has \(ours)"
        }
        return different.isEmpty ? .ok(host.name, "the same in what was compared") : .warn(host.name, listed(different))
    },
]

private typealias StandbyBody = @Sendable (ClusterPicture, ClusterPicture.Host, ServerFacts, SQLFacts) -> Issue?

/// A rule about each running standby of this cluster.
private func standbys(
    _ name: String, _ title: String, fails: String = "", warns: String = "", why: String, remedy: String,
    _ effect: Finding.Effect, _ body: @escaping StandbyBody
) -> Rule {
    Rule(name, title, fails: fails, warns: warns, why: why, remedy: remedy, effect) { picture in
        guard let identifier = picture.systemIdentifier else { return [] }
        return picture.replicas.compactMap { host in
            let server = host.facts.servers.first {
                $0.control?.systemIdentifier == identifier && $0.sql?.isInRecovery == true
            }
            guard let server, let sql = server.sql else { return nil }
            return body(picture, host, server, sql)
        }
    }
}
