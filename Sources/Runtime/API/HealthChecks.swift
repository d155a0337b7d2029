import Cluster
import JSON
import PostgresModel
import Timekeeping

/// The health checks of the compatibility sheet, c.3. Most are told by a word anywhere in the path, in this order,
/// because balancers in production rely on `/replica/` and the like; those of synchronous replication by the whole
/// path.
enum HealthCheck: String, CaseIterable {
    case standbyLeader, leader, primary, replica, readOnly, health
    case sync, quorum, async, readOnlySync, readOnlyQuorum

    /// The check a path asks for; nil: none that we know, answered 503.
    init?(path: String) {
        func has(_ word: String) -> Bool { path.firstRange(of: word) != nil }
        if path == "/" {
            self = .primary
        } else if has("standby_leader") || has("standby-leader") {
            self = .standbyLeader
        } else if has("leader") {
            self = .leader
        } else if has("master") || has("primary") || has("read-write") {
            self = .primary
        } else if has("replica") {
            self = .replica
        } else if has("read-only"), !has("sync"), !has("quorum") {
            self = .readOnly
        } else if has("health") {
            self = .health
        } else {
            switch path {
            case "/sync", "/synchronous": self = .sync
            case "/quorum": self = .quorum
            case "/async", "/asynchronous": self = .async
            case "/read-only-sync", "/read-only-synchronous": self = .readOnlySync
            case "/read-only-quorum": self = .readOnlyQuorum
            default: return nil
            }
        }
    }

    /// The checks of a leader do not look at `?tag_...`.
    var choosesByTag: Bool { self != .primary && self != .leader && self != .standbyLeader }
}

extension APISnapshot {
    /// True when `check` is answered with 200.
    func passes(_ check: HealthCheck, query: [String: String], at now: BootInstant) -> Bool {
        let replicaFits = isServingReplica && lagFits(query, at: now) && replicationStateFits(query)
        let leading = leadership(at: now)
        let standby = synchronousRole(at: now)
        let isFresh = freshCluster(at: now) != nil
        let passed =
            switch check {
            case .primary: leading.isPrimary
            case .standbyLeader: leading.isStandbyLeader
            case .leader: leading.isPrimary || leading.isStandbyLeader
            // A standby leader replicates, too, but into another cluster: it is not one of the replicas.
            case .replica: replicaFits && !leading.isStandbyLeader
            case .readOnly: leading.isPrimary || leading.isStandbyLeader || replicaFits
            case .health: state == .running && isServerStatusKnown
            case .sync: standby == .sync && replicaFits
            case .quorum: standby == .quorum && replicaFits
            case .async: isFresh && standby == .none && replicaFits
            case .readOnlySync:
                isFresh && (leading.isPrimary || leading.isStandbyLeader || (standby == .sync && replicaFits))
            case .readOnlyQuorum:
                isFresh && (leading.isPrimary || leading.isStandbyLeader || (standby == .quorum && replicaFits))
            }
        return passed && (!check.choosesByTag || tagsFit(query))
    }

    /// Who this member may say it is. A leader whose server does not run must not attract writes (a deliberate
    /// difference: Patroni answers from the lock alone).
    private func leadership(at now: BootInstant) -> (isPrimary: Bool, isStandbyLeader: Bool) {
        // Nobody holds a lock that can be trusted, and nobody will take it either: the role speaks (Patroni).
        if isPaused, freshCluster(at: now) == nil {
            return (isRunningPrimary && role == .primary, role == .standbyLeader && state == .running)
        }
        guard holdsLock(at: now) else { return (false, false) }
        return isStandbyCluster
            ? (false, state == .running && (role == .replica || role == .standbyLeader))
            : (isRunningPrimary, false)
    }

    /// `/liveness`: the decisions are not stuck.
    func isLive(at now: BootInstant) -> Bool { isPaused || now < livenessEnd }

    /// A primary whose decisions stand still will lose its lock within the ttl; a replica has more time.
    var livenessEnd: BootInstant { lastCycle + (isRunningPrimary ? ttl : ttl + ttl) }

    /// `/readiness`: this member can take what its role takes.
    func isReady(query: [String: String], at now: BootInstant) -> Bool {
        if holdsLock(at: now), isRunningPrimary || isStandbyCluster { return true }
        guard state == .running, isServerStatusKnown, replicationState == "streaming" else { return false }
        guard let reference = leaderLocation(at: now) else { return isFailsafeActive }
        let allowed = query["lag"].flatMap(Self.parseByteCount) ?? maximumLagOnFailover
        let position = query["mode"] == "write" ? receivedLocation ?? replayedLocation : replayedLocation
        return reference.bytes(ahead: position ?? .zero) <= allowed
    }

    private func lagFits(_ query: [String: String], at now: BootInstant) -> Bool {
        guard let text = query["lag"], let allowed = Self.parseByteCount(text) else { return true }
        guard let reference = leaderLocation(at: now) else { return true }
        return reference.bytes(ahead: replayedLocation ?? .zero) <= allowed
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
            case .some(let value): return value.text.lowercased() == wanted
            }
        }
    }

    /// `1048576`, `16kB`, `1.5MB`, `1 GB`, `1TB` (1024-based, as PostgreSQL's units); nil for anything else.
    static func parseByteCount(_ text: String) -> ByteCount? {
        let trimmed = text.drop { $0 == " " }
        let digits = trimmed.prefix { ($0.isASCII && $0.isNumber) || $0 == "." || $0 == "-" || $0 == "+" }
        let unit = trimmed.dropFirst(digits.count).filter { $0 != " " }.lowercased()
        let factors: [String: Int64] = ["": 1, "b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "tb": 1 << 40]
        guard let factor = factors[unit] else { return nil }
        if let number = Int64(digits) {
            let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
            return overflow ? nil : ByteCount(bytes)
        }
        guard let number = Double(digits), let bytes = Int64(exactly: (number * Double(factor)).rounded())
        else { return nil }
        return ByteCount(bytes)
    }
}
