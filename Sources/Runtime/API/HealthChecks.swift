import Cluster
import JSON
import PostgresModel
import Timekeeping

/// The health checks of the compatibility sheet, c.3. Patroni looks for words anywhere in the path; so do we,
/// because balancers in production rely on `/replica/` and the like.
enum HealthCheck: String, CaseIterable {
    case primary, standbyLeader, leader, replica, readOnly, sync, readOnlySync, quorum, readOnlyQuorum, async, health

    /// The check a path asks for; nil: none that we know, answered 503.
    init?(path: String) {
        func has(_ word: String) -> Bool { path.contains(word) }
        let asksReadOnly = has("read-only")
        if has("standby_leader") || has("standby-leader") {
            self = .standbyLeader
        } else if asksReadOnly, has("quorum") {
            self = .readOnlyQuorum
        } else if asksReadOnly, has("sync") {
            self = .readOnlySync
        } else if asksReadOnly {
            self = .readOnly
        } else if has("quorum") {
            self = .quorum
        } else if has("async") {
            self = .async
        } else if has("sync") {
            self = .sync
        } else if path == "/" || has("primary") || has("master") || has("read-write") {
            self = .primary
        } else if has("leader") {
            self = .leader
        } else if has("replica") {
            self = .replica
        } else if has("health") {
            self = .health
        } else {
            return nil
        }
    }
}

extension APISnapshot {
    /// True when `check` is answered with 200.
    func passes(_ check: HealthCheck, query: [String: String], at now: BootInstant) -> Bool {
        // A leader whose server is down must not attract writes (a deliberate difference: facts, not beliefs).
        let leads = holdsLock(at: now) && (isRunningPrimary || isStandbyCluster)
        let replicaFits = isServingReplica && lagFits(query) && replicationStateFits(query)
        let fresh = clusterConfirmed.map { now - $0 < ttl } ?? false
        let syncs = fresh && isListedSyncStandby && replicaFits
        let passed =
            switch check {
            case .primary: leads && !isStandbyCluster
            case .standbyLeader: leads && isStandbyCluster
            case .leader: leads
            case .replica: replicaFits
            case .readOnly: leads || replicaFits
            case .sync, .quorum: syncs
            case .readOnlySync, .readOnlyQuorum: fresh && (leads || syncs)
            case .async: fresh && replicaFits && !isListedSyncStandby
            case .health: state == .running
            }
        let choosesByTag = ![HealthCheck.primary, .standbyLeader, .leader].contains(check)
        return passed && (!choosesByTag || tagsFit(query))
    }

    func isLive(at now: BootInstant) -> Bool {
        isPaused || now - lastCycle < (isRunningPrimary ? ttl : ttl + ttl)
    }

    func isReady(query: [String: String], at now: BootInstant) -> Bool {
        if holdsLock(at: now), isRunningPrimary { return true }
        guard state == .running, replicationState == "streaming" else { return false }
        let allowed = query["lag"].flatMap(Self.parseByteCount) ?? maximumLagOnFailover
        guard let lag = query["mode"] == "write" ? receiveLag : replayLag else { return false }
        return lag <= allowed
    }

    private func lagFits(_ query: [String: String]) -> Bool {
        guard let text = query["lag"], let allowed = Self.parseByteCount(text) else { return true }
        return replayLag.map { $0 <= allowed } ?? false
    }

    private func replicationStateFits(_ query: [String: String]) -> Bool {
        query["replication_state"].map { $0 == replicationState } ?? true
    }

    private func tagsFit(_ query: [String: String]) -> Bool {
        query.allSatisfy { key, wanted in
            guard key.hasPrefix("tag_") else { return true }
            switch tags[String(key.dropFirst(4))] {
            case nil, .some(.null): return false
            case .some(.string(let value)): return value == wanted
            case .some(let value): return value.text.lowercased() == wanted.lowercased()
            }
        }
    }

    /// `1048576`, `16kB`, `10MB`, `1GB`, `1TB` (1024-based, as PostgreSQL's units); nil for anything else.
    static func parseByteCount(_ text: String) -> ByteCount? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits) else { return nil }
        let unit = text.dropFirst(digits.count).drop { $0 == " " }.lowercased()
        let factors: [String: Int64] = ["": 1, "b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "tb": 1 << 40]
        guard let factor = factors[unit] else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow ? nil : ByteCount(bytes)
    }
}
