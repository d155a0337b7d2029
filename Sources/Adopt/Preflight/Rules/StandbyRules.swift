import PostgresModel

/// Who is the primary, and who follows?
let standbyRules: [Rule] = [
    Rule(
        "primary.single", "exactly one server is writable",
        fails: "none or several match, it is a standby, it cannot be asked, or a replica's host has a writable one of the same cluster",
        why: "Adopting a standby as the primary, or one of two primaries, loses what the other one acknowledged.",
        remedy: "Correct the inventory; stop the other one.", .human
    ) { picture in
        guard let primary = picture.primary else { return [] }
        guard let server = picture.primaryServer else {
            let found = primary.facts.servers.map { "port \($0.port)" }
            return [.fail(
                primary.name,
                found.isEmpty ? "no running PostgreSQL server was found" : "which server is meant? Found: \(listed(found))",
                remedy: found.isEmpty ? "Start it, or correct the inventory." : "Name its port or data_directory in the inventory.",
                .human)]
        }
        guard let sql = server.sql else {
            return [.fail(primary.name, "the server could not be asked", remedy: "See survey.complete.", .human)]
        }
        if sql.isInRecovery {
            return [.fail(primary.name, "the server is a standby, not a primary", remedy: "Correct the roles in the inventory.", .human)]
        }
        let others = picture.replicas.filter { host in
            host.facts.servers.contains {
                $0.control?.systemIdentifier == picture.systemIdentifier && $0.sql?.isInRecovery == false
            }
        }.map(\.name)
        return others.isEmpty
            ? [.ok(primary.name, "writable, port \(server.port), system identifier \(picture.systemIdentifier?.description ?? "?")")]
            : [.fail(
                primary.name, "\(listed(others)) has a writable server of the same cluster too",
                remedy: "Decide which one is right, and stop the other.", .human)]
    },
    Rule(
        "standby.sameness", "running standbys follow this primary",
        fails: "one is on a later timeline",
        warns: "one does not stream",
        why: "A standby of another history can neither stream nor be promoted.",
        remedy: "Find out who promoted it.", .human
    ) { picture in
        guard let identifier = picture.systemIdentifier, let timeline = picture.primaryServer?.control?.timeline else { return [] }
        return picture.replicas.compactMap { host in
            guard let standby = host.facts.servers.first(where: {
                $0.control?.systemIdentifier == identifier && $0.sql?.isInRecovery == true
            }) else { return nil }
            if let own = standby.control?.timeline, own > timeline {
                return .fail(
                    host.name, "is on timeline \(own), the primary on \(timeline)",
                    remedy: "Find out who promoted it; do not go on before.", .human)
            }
            guard let receiver = standby.sql?.walReceiver else {
                return .warn(host.name, "does not stream", remedy: "See its log.", .human)
            }
            return .ok(host.name, "\(receiver.status) from \(receiver.senderHost ?? "?")")
        }
    },
]
