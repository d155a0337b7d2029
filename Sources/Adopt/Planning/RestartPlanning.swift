import Inventory
import PostgresModel
import YAML

/// A time in which people have agreed that the server may be restarted.
public struct RestartWindow: Codable, Equatable, Sendable, CustomStringConvertible {
    public var start: UTCTime
    /// The restart begins before this moment or not at all.
    public var end: UTCTime

    /// `START/END` or `START/LENGTH`, such as `2026-11-28T02:00Z/2026-11-28T03:00Z` or `2026-11-28T02:00+01:00/90min`.
    /// - Throws: ``PlanningError`` that says what is wrong with it.
    public init(_ text: String) throws(PlanningError) {
        func refuse(_ why: String) -> PlanningError {
            PlanningError(
                .unsupported,
                "the window '\(text)' \(why); allowed: START/END or START/LENGTH, such as 2026-11-28T02:00Z/1h")
        }
        guard let (first, second) = text.splitOnce(at: "/") else { throw refuse("has no '/'") }
        guard let start = UTCTime(String(first)) else { throw refuse("does not begin with a time") }
        if let end = UTCTime(String(second)) {
            self.end = end
        } else if let length = parseDuration(String(second)) {
            end = UTCTime(seconds: start.seconds + length.components.seconds)
        } else {
            throw refuse("does not end with a time or a length")
        }
        self.start = start
        if end <= start { throw refuse("ends before it begins") }
        if end.seconds - start.seconds > 7 * 86_400 { throw refuse("is longer than a week") }
    }

    public func contains(_ time: UTCTime) -> Bool { start <= time && time < end }
    public var description: String { "\(start) to \(end)" }
}

/// PostgreSQL stopped and started once, in an approved window, for settings without which no replica can stream.
public struct RestartChange: Codable, Equatable, Sendable {
    public var server: LocalServer
    public var dataDirectory: String
    public var configFile: String?
    /// The unit that owns the server; nil: pg_ctl restarts it.
    public var unit: String?
    public var window: RestartWindow
    /// The process of before.
    public var postmaster: PostmasterIdentity
    /// What must be in force afterwards.
    public var settings: [SettingChange]
}

extension PlanContext {
    /// Settings that no adoption can do without and only a restart can change, with the values they need.
    /// Everything else that needs a restart is deferred.
    func settingsThatNeedRestart() -> [SettingChange] {
        if isAdopted(primary) { return [] }
        let build = replicas.count { !isAdopted($0) }
        var changes: [SettingChange] = []
        func raise(_ name: String, least: Int, to enough: Int) {
            guard let text = sql.setting(name), let value = Int(text), value < least else { return }
            changes.append(SettingChange(name: name, old: text, new: String(enough), isReloadable: false))
        }
        if sql.setting("wal_level") == "minimal" {
            changes.append(SettingChange(name: "wal_level", old: "minimal", new: "replica", isReloadable: false))
        }
        let senders = sql.replicas.count
        raise("max_wal_senders", least: senders + build + 1, to: max(10, senders + build * 2 + 2))
        let slots = Set(sql.slots.map(\.name))
        let needed = replicas.count { !slots.contains(slotName(forMember: $0.name)) }
        raise("max_replication_slots", least: slots.count + needed, to: max(10, slots.count + needed + 2))
        return changes
    }

    /// The restart, where it is needed and allowed.
    func restartSteps() throws(PlanningError) -> [PlannedStep] {
        guard let restartWindow else { return [] }
        let settings = settingsThatNeedRestart()
        guard !settings.isEmpty else {
            throw PlanningError(
                .unsupported, host: primary.name,
                "nothing here needs a restart; what could use one waits for the next planned one. "
                    + "Plan without --allow-restart")
        }
        let change = RestartChange(
            server: local, dataDirectory: server.dataDirectory, configFile: server.configFile,
            unit: legacyUnit(of: primary), window: restartWindow, postmaster: postmaster, settings: settings)
        let words = settings.map { "\($0.name) \($0.old) -> \($0.new)" }.joined(separator: ", ")
        return [
            PlannedStep(
                host: primary.name, kind: .restart(change), effect: .restart,
                summary: "restart PostgreSQL between \(restartWindow.start) and \(restartWindow.end) for \(words); "
                    + "every client is disconnected",
                estimate: StepEstimate(.seconds(30)),
                undo: "remove the settings file; the values of before come back at the next restart")
        ]
    }
}

extension Playbook {
    /// The order of a plan that only restarts: the adoption is planned again afterwards, with what is true then.
    static let restart = Playbook(
        cluster: [.step(.lock), .step(.backup), .step(.settings), .step(.restart)], replica: [],
        finish: [.step(.unlock)])
}

/// Checks whose failure such a restart remedies.
public let checksRemediedByRestart = ["wal.level", "wal.senders", "wal.slots"]
