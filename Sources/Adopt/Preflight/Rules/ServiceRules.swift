import Facts

/// Who else starts, stops or moves PostgreSQL here?
let serviceRules: [Rule] = [
    Rule(
        "service.owner", "the server's service unit is known",
        fails: "it runs in a container",
        warns: "no unit, started by hand, or `Restart=always`",
        why: "What started the server may stop or start it behind the agent's back, at a reboot or an upgrade.",
        remedy: "Find what starts it; the plan neutralises a unit.", .human
    ) { picture in
        guard let primary = picture.primary, let server = picture.primaryServer else { return [] }
        guard let unit = server.unit else {
            return [
                .warn(
                    primary.name, "no systemd unit owns process \(server.postmasterPID)",
                    remedy:
                        "Find what starts it (an init script, a supervisor, a person) and stop that from doing so.",
                    .human)
            ]
        }
        if unit.hasPrefix("pgadopt") { return [.ok(primary.name, "owned by \(unit)")] }
        if let container = ["docker", "containerd", "podman", "crio", "libpod"].first(where: { unit.hasPrefix($0) }) {
            return [
                .fail(
                    primary.name, "runs in a container (\(unit))",
                    remedy: "Servers under \(container) are not taken over; move it to the host.", .human)
            ]
        }
        if unit.hasSuffix(".scope") || unit.hasPrefix("user@") {
            return [
                .warn(
                    primary.name, "started by hand, in \(unit)",
                    remedy: "Check that logging out does not end it (loginctl, KillUserProcesses).", .human)
            ]
        }
        let restart = server.unitProperties["Restart"] ?? "no"
        if restart == "always" {
            return [
                .warn(
                    primary.name, "\(unit) has Restart=always",
                    remedy: "The plan neutralises the unit; nothing to do.", .service)
            ]
        }
        return [.ok(primary.name, "\(unit), \(server.unitProperties["UnitFileState"] ?? "state unknown")")]
    },
    Rule(
        "rivals.ha", "no other program manages failover",
        fails: "one is running",
        warns: "one is installed; or keepalived is there",
        why: "Two managers of one database are two masters of one database.",
        remedy: "Stop it on every host; let keepalived ask the REST API.", .human
    ) { picture in
        picture.hosts.map { host in
            // keepalived moves addresses, not roles; it may stay.
            let running = host.facts.rivals.filter(\.isRunning)
            if let rival = running.first(where: { $0.name != "keepalived" }) {
                return .fail(
                    host.name, "\(rival.name) is running (\(rival.evidence))",
                    remedy: "Stop and disable it on every host first.", .human)
            }
            if let rival = host.facts.rivals.first {
                return .warn(
                    host.name, "\(rival.name) is \(rival.isRunning ? "running" : "installed") (\(rival.evidence))",
                    remedy: rival.isRunning ? "Make its checks ask the agent's REST API." : "Remove it.", .human)
            }
            return .ok(host.name, "none found")
        }
    },
    Rule(
        "ports.free", "the ports are free",
        fails: "taken",
        why: "A server or agent whose port is taken does not start.",
        remedy: "Stop what uses it, or choose another.", .human
    ) { picture in
        picture.members.map { host in
            let listening = Set(host.facts.listeningPorts)
            let adopted = picture.isAdopted(host) || picture.standby(on: host) != nil
            let isPrimary = host.name == picture.primary?.name
            let rest = picture.spec.replicas.restPort
            var taken: [String] = []
            if !isPrimary, !adopted, listening.contains(picture.port(of: host.spec)) {
                taken.append("\(picture.port(of: host.spec)) (PostgreSQL)")
            }
            if !picture.hasAgent(host), listening.contains(rest) { taken.append("\(rest) (the agent's REST API)") }
            let relay = picture.spec.replicas.portOfRelay
            if isPrimary, picture.isRelayed, !picture.hasAgent(host), listening.contains(relay) {
                taken.append("\(relay) (the replication relay)")
            }
            return taken.isEmpty
                ? .ok(host.name, adopted ? "used by the cluster itself" : "free")
                : .fail(
                    host.name, "taken: \(listed(taken))",
                    remedy: "Stop what uses it, or choose another in the inventory.", .human)
        }
    },
]
