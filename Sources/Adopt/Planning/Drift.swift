/// What differs between the world of the plan and the world now, in words for people.
extension Fingerprints {
    /// - Parameters:
    ///   - now: fingerprints of a survey made just now.
    ///   - steps: steps of the plan that the journal shows as begun; what they change is no drift.
    public func drift(to now: Fingerprints, begun steps: [PlannedStep] = []) -> [String] {
        let own = OwnChanges(steps)
        return serverDrift(now, own) + fileDrift(now, own) + targetDrift(now, own) + storeDrift(now, own)
    }

    private func serverDrift(_ now: Fingerprints, _ own: OwnChanges) -> [String] {
        var lines: [String] = []
        for before in servers {
            let mayBeNew = own.restartedServers.contains(before.host)
            guard
                let same = now.servers.first(where: { server in
                    server.host == before.host
                        && (server.postmaster == before.postmaster
                            || mayBeNew && server.systemIdentifier == before.systemIdentifier)
                })
            else {
                let other = now.servers.first { $0.host == before.host }
                // Our restart was cut off between the stop and the start.
                if mayBeNew, other == nil { continue }
                lines.append(
                    "\(before.host): the server's process was \(before.postmaster.pid) and is "
                        + (other.map { "\($0.postmaster.pid): it was restarted" } ?? "gone"))
                continue
            }
            if same.systemIdentifier != before.systemIdentifier {
                lines.append("\(before.host): the server's system identifier has changed")
            }
            if same.timeline != before.timeline {
                lines.append(
                    "\(before.host): timeline \(before.timeline?.description ?? "?") became "
                        + "\(same.timeline?.description ?? "?"): there was a failover")
            }
            if same.isInRecovery != before.isInRecovery {
                lines.append("\(before.host): the server's role has changed")
            }
        }
        for server in now.servers where !own.startedServers.contains(server.host) {
            let isNew = !servers.contains { $0.host == server.host }
            if isNew {
                lines.append(
                    "\(server.host): a PostgreSQL server (process \(server.postmaster.pid)) "
                        + "runs now that did not run before"
                )
            }
        }
        return lines
    }

    private func fileDrift(_ now: Fingerprints, _ own: OwnChanges) -> [String] {
        var lines: [String] = []
        for before in files {
            let key = OwnChanges.Path(host: before.host, path: before.path)
            let current = now.files.first { $0.host == before.host && $0.path == before.path }
            if current?.digest == before.digest { continue }
            // The files of a server that is down are not looked for.
            let isDown = !now.servers.contains { $0.host == before.host }
            if current == nil, isDown, own.restartedServers.contains(before.host) { continue }
            if let current, own.edits[key] == current.digest || own.rewritten.contains(key) { continue }
            lines.append("\(before.host): \(before.path) was \(current == nil ? "removed" : "edited")")
        }
        for file in now.files where !own.startedServers.contains(file.host) {
            let key = OwnChanges.Path(host: file.host, path: file.path)
            let isKnown = files.contains { $0.host == file.host && $0.path == file.path } || own.rewritten.contains(key)
            if !isKnown { lines.append("\(file.host): \(file.path) is new") }
        }
        return lines
    }

    private func targetDrift(_ now: Fingerprints, _ own: OwnChanges) -> [String] {
        targets.compactMap { before in
            guard !own.builtHosts.contains(before.host),
                let current = now.targets.first(where: { $0.host == before.host && $0.path == before.path }),
                current.content != before.content
            else { return nil }
            return
                "\(before.host): \(before.path) was \(before.content.rawValue) and is now \(current.content.rawValue)"
        }
    }

    private func storeDrift(_ now: Fingerprints, _ own: OwnChanges) -> [String] {
        if own.wroteStore || now.store.digest == store.digest { return [] }
        if now.store.digest == nil { return ["the store cannot be read now"] }
        return ["keys of the cluster in the store have changed"]
    }
}

/// What begun steps of ours may have changed.
struct OwnChanges {
    struct Path: Hashable {
        var host: String
        var path: String
    }

    /// Edits of the owner's files, to their digest after.
    var edits: [Path: String] = [:]
    /// Files written whole by us or by our agent.
    var rewritten: Set<Path> = []
    var builtHosts: Set<String> = []
    var startedServers: Set<String> = []
    /// Hosts whose server we may have restarted: another process is no drift there, another cluster is.
    var restartedServers: Set<String> = []
    var wroteStore = false

    init(_ steps: [PlannedStep]) {
        for step in steps {
            switch step.kind {
            case .hba(let change): edits[Path(host: step.host, path: change.edit.path)] = change.edit.digestAfter
            case .settings(let change):
                rewritten.insert(Path(host: step.host, path: change.file.path))
                if let include = change.include {
                    edits[Path(host: step.host, path: include.path)] = include.digestAfter
                }
            case .store: wroteStore = true
            case .legacyUnit(let change):
                if let path = change.startConf { rewritten.insert(Path(host: step.host, path: path)) }
            case .upstream(let change):
                for path in [change.file.path, change.overridingFile].compactMap({ $0 }) {
                    rewritten.insert(Path(host: step.host, path: path))
                }
                if let include = change.include {
                    edits[Path(host: step.host, path: include.path)] = include.digestAfter
                }
            case .baseBackup: builtHosts.insert(step.host)
            case .agent(let change):
                wroteStore = true
                if change.role == .replica { startedServers.insert(step.host) }
            // The store that is made here was not there to be read when the plan was made.
            case .upgrade, .leave, .storeAuthority, .storeMember, .managedStore: wroteStore = true
            case .restart: restartedServers.insert(step.host)
            case .lock, .backup, .bundle, .secrets, .roles, .slot, .configFiles, .streaming, .verify, .unlock, .run,
                .pause, .storeClient:
                break
            }
        }
    }
}
