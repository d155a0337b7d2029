import Facts

/// Programs beside PostgreSQL: what runs by the clock, routes clients, makes backups, installs updates.
let jobRules: [Rule] = [
    Rule(
        "service.stop-semantics", "nothing but the known unit can stop the server",
        warns: "an init script or a supervisor has it too, its unit is generated from a script, or several units name PostgreSQL",
        why: "Only the unit that owns the process is kept from stopping it; another one would go round that.",
        remedy: "Disable the others, without running them.", .service
    ) { picture in
        guard let primary = picture.primary, let server = picture.primaryServer else { return [] }
        let services = primary.facts.services
        // postgresql-common brings a script that systemd replaces by its own unit of the name.
        let scripts = services.initScripts.filter { !($0 == "/etc/init.d/postgresql" && server.debianCluster != nil) }
        if !scripts.isEmpty { return [.warn(primary.name, "also there: \(listed(scripts))")] }
        if let source = server.unitProperties["SourcePath"], !source.isEmpty {
            return [.warn(primary.name, "the unit is generated from \(source)")]
        }
        let others = services.postgresUnits.filter { unit in
            unit.state == "enabled" && unit.name != server.unit && !unit.name.contains("@.")
                && !(server.debianCluster != nil && unit.name == "postgresql.service")
                // A template's instance is listed by the template.
                && server.unit.map { unit.name.split(separator: "@")[0] != $0.split(separator: "@")[0] } ?? true
        }.map(\.name)
        return others.isEmpty ? [.ok(primary.name, server.unit ?? "no unit")] : [.warn(primary.name, "also enabled: \(listed(others))")]
    },
    Rule(
        "servers.others", "one server on each host", warns: "another server runs there",
        why: "It shares memory, disk and ports; the plan must not touch it, and a failover moves load beside it.",
        remedy: "Name port and data_directory in the inventory; see that memory suffices for both.", .human
    ) { picture in
        picture.members.map { host in
            let own = picture.server(on: host)
            let others = host.facts.servers.filter { $0.dataDirectory != own?.dataDirectory }.map { "\($0.dataDirectory) (port \($0.port))" }
            return others.isEmpty ? .ok(host.name, "no other") : .warn(host.name, "also running: \(listed(others))")
        }
    },
    Rule(
        "jobs.wal-cleanup", "nothing removes WAL by hand", fails: "a job removes files below pg_wal, pg_xlog or the data directory",
        why: "WAL that is removed by hand ends replicas, slots and sometimes the primary.", remedy: "Remove the job; the archive and slots take care.", .human
    ) { picture in
        picture.members.map { host in
            let data = host.facts.target?.path ?? "/var/lib/postgresql"
            let bad = host.facts.services.jobs.first { job in
                let text = job.text
                let removes = text.contains("rm ") || text.contains("-delete") || text.contains("unlink")
                return removes && !text.contains("archivecleanup")
                    && (text.contains("pg_wal") || text.contains("pg_xlog") || text.contains(data + "/"))
            }
            return bad.map { .fail(host.name, "\($0.source): \($0.text)") } ?? .ok(host.name, "no such job")
        }
    },
    Rule(
        "jobs.host-bound", "jobs follow the leader", warns: "a crontab or timer of a member names PostgreSQL or its programs",
        why: "After a failover it runs on the wrong host: backups of a standby, vacuum that fails, two runs at once.",
        remedy: "Let it ask the agent first (`curl -f localhost:8008/primary`), or move it to where a connection string finds the leader.", .human
    ) { picture in
        picture.members.map { host in
            let jobs = host.facts.services.jobs.map { "\($0.source.lastComponent): \($0.text)" }
            return jobs.isEmpty ? .ok(host.name, "no jobs") : .warn(host.name, "\(jobs.count) jobs: \(listed(jobs))")
        }
    },
    Rule(
        "updates.automatic", "no update restarts the server by night", warns: "unattended-upgrades, dnf-automatic or needrestart may",
        why: "A package that restarts the agent or the server at night is a failover at night.",
        remedy: "Hold PostgreSQL's packages, and except the agent in needrestart.", .none
    ) { picture in
        picture.members.map { host in
            let found = host.facts.services.software.filter { $0.kind == .updates }.map(\.name)
            return found.isEmpty ? .ok(host.name, "none") : .warn(host.name, listed(found))
        }
    },
    Rule(
        "pooler.local", "clients are routed to the leader", warns: "a pooler or proxy runs on a member",
        why: "One that points at its own host keeps sending clients to an old leader.",
        remedy: "Let it ask the agent's REST API (/primary), or point it at all members.", .service
    ) { picture in
        picture.members.map { host in
            let found = host.facts.services.software.filter { $0.kind == .pooler }.map(\.name)
            return found.isEmpty ? .ok(host.name, "none") : .warn(host.name, "\(listed(found)) runs here")
        }
    },
    Rule(
        "monitoring.local", "monitoring knows about failover", warns: "an exporter or check agent runs on the primary and on no replica",
        why: "After a failover nobody watches the new primary, and alarms ring for the old one.",
        remedy: "Install it on every member; watch the agent's REST API too.", .human
    ) { picture in
        guard let primary = picture.primary else { return [] }
        func monitors(_ host: ClusterPicture.Host) -> Set<String> {
            Set(host.facts.services.software.filter { $0.kind == .monitoring }.map(\.name))
        }
        let here = monitors(primary)
        let lacking = picture.replicas.filter { !here.isSubset(of: monitors($0)) }.map(\.name)
        if here.isEmpty { return [.ok(primary.name, "none found")] }
        return lacking.isEmpty
            ? [.ok(primary.name, "\(listed(here.sorted())) on every member")]
            : [.warn(primary.name, "\(listed(here.sorted())) here, not on \(listed(lacking))")]
    },
    Rule(
        "backup.tool", "there is a way back", warns: "no backup tool was found on the primary",
        why: "Begin nothing of this kind without a backup that was tried.", remedy: "Take a base backup, or install pgBackRest or Barman.", .human
    ) { picture in
        guard let primary = picture.primary else { return [] }
        let tools = primary.facts.services.software.filter { $0.kind == .backup }.map(\.name)
        let jobs = primary.facts.services.jobs.contains { $0.text.contains("pg_dump") || $0.text.contains("pg_basebackup") }
        let remote = picture.primarySQL?.replicas.contains { $0.applicationName.contains("barman") } ?? false
        if !tools.isEmpty { return [.ok(primary.name, listed(tools))] }
        return jobs || remote ? [.ok(primary.name, remote ? "Barman receives WAL" : "a job makes copies")] : [.warn(primary.name, "none found")]
    },
    Rule(
        "backup.after-failover", "the backup tool knows every member", warns: "pgBackRest's configuration names one PostgreSQL host only, or is not on every member",
        why: "After a failover it goes on with the old host, and the archive has a gap.",
        remedy: "Add pg2-host, pg3-host and so on, and the stanza on every member.", .none
    ) { picture in
        guard let primary = picture.primary else { return [] }
        let files = primary.facts.services.backupConfigurations
        guard !files.isEmpty else { return [.ok(primary.name, "no configuration of a backup tool found")] }
        let hosts = Set(files.flatMap(\.settings).filter { $0.hasPrefix("pg") && $0.hasSuffix("-path") })
        let lacking = picture.replicas.filter { $0.facts.services.backupConfigurations.isEmpty }.map(\.name)
        if hosts.count < 2, !lacking.isEmpty { return [.warn(primary.name, "one host, and no configuration on \(listed(lacking))")] }
        return [.ok(primary.name, "\(hosts.count) hosts named")]
    },
]
