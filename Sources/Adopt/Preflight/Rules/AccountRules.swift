import Facts
import PostgresModel

/// Roles, what is set for them, and who is connected.
let accountRules: [Rule] = [
    Rule(
        "roles.superuser", "the survey spoke as a superuser", fails: "the role of the OS user's name is none, or cannot log in",
        why: "Roles, slots and settings are made by a superuser over the socket.",
        remedy: "Give the OS user a superuser role and a local rule with peer.", .reload
    ) { picture in
        guard let primary = picture.primary, let server = picture.primaryServer else { return [] }
        guard let activity = server.sql?.activity, let isSuperuser = activity.isSuperuser else {
            return server.sql == nil ? [.fail(primary.name, "no connection over the socket worked; see survey.complete")] : []
        }
        let name = activity.connectedUser ?? "?"
        return isSuperuser ? [.ok(primary.name, name)] : [.fail(primary.name, "\(name) is not a superuser")]
    },
    Rule(
        "roles.ours", "the names of our roles are free, or theirs are fit",
        fails: "a role of that name has expired or may not log in", warns: "it has a limit of connections, or is a superuser",
        why: "Replication ends when its role does.",
        remedy: "ALTER ROLE, or drop it if it is a leftover.", .none
    ) { picture in
        guard let (primary, sql) = picture.asked else { return [] }
        let ours = sql.roles.filter { [NeededConnection.replicationRole, NeededConnection.rewindRole].contains($0.name) }
        for role in ours {
            if role.isExpired { return [.fail(primary.name, "\(role.name) has expired (VALID UNTIL)")] }
            if !role.canLogin { return [.fail(primary.name, "\(role.name) may not log in")] }
            if let limit = role.connectionLimit, limit >= 0 {
                return [.warn(primary.name, "\(role.name) may have \(limit) connections")]
            }
            if role.isSuperuser { return [.warn(primary.name, "\(role.name) is a superuser, which it need not be")] }
        }
        return [.ok(primary.name, ours.isEmpty ? "free" : "\(ours.count) there and fit")]
    },
    Rule(
        "roles.password-encryption", "passwords are kept as SCRAM", warns: "password_encryption is md5, or roles have md5 passwords",
        why: "md5 is deprecated and will go; our roles use scram-sha-256 whatever the default is.",
        remedy: "password_encryption = scram-sha-256, then set the passwords anew.", .reload
    ) { picture in
        guard let (primary, sql) = picture.asked, let method = picture.setting("password_encryption") else { return [] }
        let old = sql.roles.filter { $0.passwordKind == "md5" }.map(\.name)
        if !old.isEmpty { return [.warn(primary.name, "\(old.count) roles have md5 passwords: \(listed(old))")] }
        return ["md5", "on"].contains(method)
            ? [.warn(primary.name, "password_encryption = \(method)")] : [.ok(primary.name, "password_encryption = \(method)")]
    },
    Rule(
        "roles.setting-traps", "no value set for a role fools our statements",
        warns: "default_transaction_read_only, statement_timeout, role or search_path is set for a superuser, for postgres or for all",
        why: "The agent's statements would fail or mean something else.",
        remedy: "Reset it for the agent's role; the agent sets its own values in its sessions.", .none
    ) { picture in
        guard let (primary, sql) = picture.asked else { return [] }
        let traps: Set = ["default_transaction_read_only", "statement_timeout", "role", "search_path", "session_preload_libraries"]
        let superusers = Set(sql.roles.filter(\.isSuperuser).map(\.name))
        let found = sql.roleSettings.filter { setting in
            traps.contains(setting.name) && (setting.role.map(superusers.contains) ?? true)
                && (setting.database == nil || setting.database == "postgres")
        }.map { "\($0.name) = \($0.value) for \($0.role ?? "all")" + ($0.database.map { " in \($0)" } ?? "") }
        return found.isEmpty ? [.ok(primary.name, "none")] : [.warn(primary.name, listed(found))]
    },
    Rule(
        "durability.synchronous-commit", "commits wait for the disk", warns: "synchronous_commit is off or local, for all or for somebody",
        why: "Such commits are acknowledged before they are safe: no failover can promise to keep them.",
        remedy: "Know who uses it, and why.", .human
    ) { picture in
        guard let (primary, sql) = picture.asked, let value = picture.setting("synchronous_commit") else { return [] }
        var weak = sql.roleSettings.filter { $0.name == "synchronous_commit" && ["off", "local"].contains($0.value) }
            .map { "\($0.value) for \($0.role ?? $0.database ?? "?")" }
        if ["off", "local"].contains(value) { weak.insert(value, at: 0) }
        return weak.isEmpty ? [.ok(primary.name, value)] : [.warn(primary.name, "synchronous_commit = \(listed(weak))")]
    },
    Rule(
        "clients.local", "clients do not depend on the primary's host",
        warns: "clients connect over the socket or from 127.0.0.1",
        why: "After a failover the server is elsewhere: these programs find nothing, or the old one.",
        remedy: "Give them a connection string with all hosts and target_session_attrs=read-write.", .human
    ) { picture in
        guard let (primary, sql) = picture.asked, let clients = sql.activity?.clients else { return [] }
        let local = clients.filter { client in
            client.address.map { IPAddress($0)?.isLoopback == true || $0 == primary.spec.address } ?? true
        }.filter { !($0.user == "postgres" && $0.database == "postgres") }
        let shown = local.map { "\($0.count) of \($0.user)@\($0.database)\($0.application.isEmpty ? "" : " (\($0.application))")" }
        return local.isEmpty
            ? [.ok(primary.name, "\(clients.reduce(0) { $0 + $1.count }) client connections, none from this host")]
            : [.warn(primary.name, listed(shown))]
    },
    Rule(
        "clients.connections", "there is room for the agent", fails: "no connection is left", warns: "over 90 % are in use",
        why: "The agent needs a connection whenever it looks at the server; without one it must take it for failed.",
        remedy: "End idle sessions, or use a pooler; superuser_reserved_connections keeps a few.", .human
    ) { picture in
        guard let (primary, sql) = picture.asked, let used = sql.activity?.connections, let limit = picture.number("max_connections")
        else { return [] }
        let summary = "\(used) of \(limit) connections in use"
        if Int64(used) >= limit { return [.fail(primary.name, summary)] }
        return Int64(used) * 10 > limit * 9 ? [.warn(primary.name, summary)] : [.ok(primary.name, summary)]
    },
    Rule(
        "clients.idle-in-transaction", "sessions end their transactions", warns: "ten or more are idle in a transaction",
        why: "A switchover cuts them off in the middle; until then they hold back vacuum and standbys.",
        remedy: "idle_in_transaction_session_timeout, or mend the application.", .reload
    ) { picture in
        guard let (primary, sql) = picture.asked, let count = sql.activity?.idleInTransaction else { return [] }
        return count >= 10 ? [.warn(primary.name, "\(count) idle in a transaction")] : [.ok(primary.name, "\(count) idle in a transaction")]
    },
    Rule(
        "clients.advisory-locks", "few advisory locks are held", warns: "fifty or more are held",
        why: "They live in the primary's memory: a failover releases them all, whatever they guarded.",
        remedy: "See that the applications cope with a lock that vanished.", .human
    ) { picture in
        guard let (primary, sql) = picture.asked, let count = sql.activity?.advisoryLocks else { return [] }
        return count >= 50 ? [.warn(primary.name, "\(count) held")] : [.ok(primary.name, "\(count) held")]
    },
]
