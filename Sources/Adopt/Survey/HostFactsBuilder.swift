import Facts
import PostgresModel

/// Turns the script's records into facts. What is missing or cannot be read becomes nil and a sentence in `problems`.
struct HostFactsBuilder {
    private let host: String
    private let records: [SurveyRecord]
    private var problems: [String] = []
    /// When the server told its WAL position, on its clock.
    private var lsnTime: Double?

    init(host: String, records: [SurveyRecord]) {
        self.host = host
        self.records = records
    }

    private func all(_ kind: String) -> [SurveyRecord] { records.filter { $0.kind == kind } }
    private func first(_ kind: String) -> SurveyRecord? { records.first { $0.kind == kind } }

    /// Seconds since 1970 on the host's clock at the begin and the end of the survey.
    var hostClock: (begin: Double, end: Double)? {
        guard let begin = first("begin")?.text("clock").flatMap(Self.seconds),
            let end = first("end")?.text("clock").flatMap(Self.seconds)
        else { return nil }
        return (begin, end)
    }

    /// `1700000000.123456789`; a `date` without %N leaves the letter behind, and the seconds count.
    private static func seconds(_ text: String) -> Double? {
        Double(text) ?? text.split(separator: ".").first.flatMap { Double($0) }
    }

    mutating func build() throws(SurveyError) -> HostFacts {
        problems = all("problem").compactMap { $0.text("text") }
        for record in all("foreignserver") {
            problems.append(
                "process \(record.text("pid") ?? "?") is a PostgreSQL server in a container of its own; it was not surveyed"
            )
        }
        let system = try system()
        var facts = HostFacts(host: host, system: system)
        facts.installations = all("installation").compactMap { installation($0) }
        facts.servers = all("server").compactMap { server($0) }
        facts.target = target()
        facts.rivals = rivals()
        if let ports = first("ports") {
            facts.listeningPorts = CommandOutput.listeningPorts(ports.text("listening") ?? "")
        } else {
            problems.append("the ports that are listened on could not be read")
        }
        facts.agents = all("agent").map { record in
            AgentFacts(
                processID: record.int("pid") ?? 0, unit: CommandOutput.unit(cgroup: record.text("cgroup") ?? ""),
                commandLine: CommandOutput.arguments(record.text("cmdline") ?? ""))
        }
        facts.reach = all("reach").compactMap { reach($0) }
        if let record = first("kernel") {
            facts.kernel = KernelReading.facts(record)
        } else {
            problems.append("the kernel's settings could not be read")
        }
        facts.network = NetworkReading.facts(records)
        facts.services = ServiceReading.facts(records)
        for record in all("collation") {
            if let locale = record.text("locale"), let digest = record.text("digest")?.trimmed, digest.count == 64 {
                facts.collationDigests[locale] = digest
            }
        }
        facts.namedFiles = all("named").compactMap { record in
            guard let path = record.text("path") else { return nil }
            let stat = (record.text("stat") ?? "").trimmed.split(separator: " ").map(String.init)
            return NamedFileFacts(
                path: path, exists: stat.count == 2, owner: stat.first, mode: stat.count == 2 ? stat[1] : nil)
        }
        if let record = first("etcd") {
            let directory = first(where: "target", kind: "etcd").map(oneTarget)
            facts.etcd = EtcdReading.facts(record, directory: directory, now: hostClock?.end)
        }
        if let record = first("pgbackrest") { facts.pgBackRest = BackrestReading.facts(record) }
        facts.problems = problems
        return facts
    }

    private func system() throws(SurveyError) -> SystemFacts {
        guard let record = first("system"), let architecture = record.text("architecture") else {
            throw SurveyError(.malformed, host: host, "the survey tells nothing of the system (uname -m failed?)")
        }
        let release = CommandOutput.assignments(record.text("osRelease") ?? "")
        let uid = record.text("postgresUID")
        let virtualisation = record.text("container")?.trimmed
        return SystemFacts(
            hostname: record.text("hostname") ?? "", machineID: record.text("machineID")?.trimmed,
            architecture: architecture, kernel: record.text("kernel") ?? "", osID: release["ID"],
            osVersion: release["VERSION_ID"], libc: record.text("libc")?.trimmed,
            locales: (record.text("locales") ?? "").split(separator: "\n").map(String.init),
            cpuCount: record.int("cpus"), memory: record.int("memoryKB").map { ByteCount(Int64($0) * 1024) },
            clockSynchronised: record.text("synchronised").flatMap { ["yes": true, "no": false][$0.trimmed] },
            container: virtualisation == "none" ? nil : virtualisation, loginUser: record.text("loginUser") ?? "",
            canBecomeRoot: record.text("canBecomeRoot") == "yes",
            canBecomePostgres: record.text("canBecomePostgres") == "yes", hasPostgresUser: uid != "none",
            postgresUID: uid.flatMap { Int($0) }, initSystem: record.text("init")?.trimmed)
    }

    private mutating func installation(_ record: SurveyRecord) -> InstallationFacts? {
        guard let directory = record.text("bin") else { return nil }
        guard let version = record.text("version").flatMap(CommandOutput.version) else {
            problems.append("\(directory)/postgres --version cannot be read")
            return nil
        }
        var facts = InstallationFacts(
            binDirectory: directory, version: version,
            missingPrograms: (record.text("missing") ?? "").split(separator: " ").map(String.init),
            libraryDirectory: record.text("lib"), libraries: record.names("libraries").sorted(),
            extensions: record.names("extensions").sorted())
        InstallationReading.add(record, to: &facts)
        return facts
    }

    private func target() -> TargetFacts? {
        guard let record = first(where: "target", kind: "target") ?? first(where: "target", kind: "live") else {
            return nil
        }
        var facts = oneTarget(record)
        facts.tablespaces = all("target").filter { $0.text("kind") == "tablespace" }.map(oneTarget)
        facts.walPlace = first(where: "target", kind: "wal").map(oneTarget).map { place in
            PlaceFacts(
                path: place.path, content: place.content, freeSpace: place.freeSpace, mountPoint: place.mountPoint)
        }
        return facts
    }

    private func first(where record: String, kind: String) -> SurveyRecord? {
        all(record).first { $0.text("kind") == kind }
    }

    private func oneTarget(_ record: SurveyRecord) -> TargetFacts {
        let space = record.text("df").flatMap(CommandOutput.availableSpace)
        let wal = record.text("waldf").flatMap(CommandOutput.availableSpace)
        var facts = TargetFacts(
            path: record.text("path") ?? "",
            content: record.text("content").flatMap { TargetFacts.Content(rawValue: $0) } ?? .unreadable,
            control: record.text("control").flatMap(CommandOutput.control), version: record.text("version")?.trimmed,
            owner: record.text("owner").flatMap { $0.split(separator: " ").first.map(String.init) },
            freeSpace: space?.space, filesystem: record.text("filesystem")?.trimmed,
            walFreeSpace: wal?.filesystem == space?.filesystem ? nil : wal?.space)
        facts.mountPoint = space?.filesystem
        facts.freeInodes = record.text("inodes").flatMap(CommandOutput.availableInodes)
        let mount = (record.text("mount") ?? "").split(whereSeparator: { $0.isWhitespace })
        if mount.count == 2 {
            facts.filesystem = String(mount[0])
            // An overlay names its directories; which ones is nobody's business.
            facts.mountOptions = mount[1].split(separator: ",").map(String.init).filter { !$0.contains("dir=") }
        }
        facts.writeMilliseconds = record.text("io").flatMap(CommandOutput.writeMilliseconds)
        return facts
    }

    private func rivals() -> [RivalFacts] {
        var found = all("rival").map { record in
            RivalFacts(name: record.text("name") ?? "?", isRunning: true, evidence: record.text("evidence") ?? "")
        }
        // unit, state, preset
        for line in (first("units")?.text("text") ?? "").split(separator: "\n") {
            let words = line.split(separator: " ")
            guard let unit = words.first, words.count > 1, !unit.hasPrefix("pgadopt") else { continue }
            let name = String(unit.split(separator: ".")[0].split(separator: "@")[0])
            if found.contains(where: { $0.name == name }) { continue }
            found.append(RivalFacts(name: name, isRunning: false, evidence: "unit \(unit), \(words[1])"))
        }
        return found
    }

    private func reach(_ record: SurveyRecord) -> ReachFacts? {
        guard let host = record.text("host"), let port = record.int("port") else { return nil }
        let said = record.text("said") ?? ""
        let outcome = CommandOutput.reachOutcome(
            code: record.int("code") ?? 1, said: said, way: record.text("way") ?? "none")
        return ReachFacts(host: host, port: port, outcome: outcome, detail: outcome == .open ? "" : said)
    }

    private mutating func server(_ record: SurveyRecord) -> ServerFacts? {
        guard let pid = record.int("pid"), let data = record.text("data"),
            let ticks = record.text("stat").flatMap(CommandOutput.startTicks)
        else {
            problems.append("a running PostgreSQL server could not be identified; it may just have ended")
            return nil
        }
        let pidFile = (record.text("pidfile") ?? "").split(separator: "\n", omittingEmptySubsequences: false)
        guard pidFile.count > 4, let port = Int(pidFile[3].trimmed) else {
            problems.append("\(data)/postmaster.pid cannot be read")
            return nil
        }
        let unit = record.text("unit") ?? CommandOutput.unit(cgroup: record.text("cgroup") ?? "")
        var facts = ServerFacts(
            postmasterPID: pid, postmasterStartTicks: ticks, osUser: record.text("owner") ?? "", dataDirectory: data,
            port: port, socketDirectories: [String(pidFile[4])].filter { !$0.isEmpty },
            commandLine: CommandOutput.arguments(record.text("cmdline") ?? ""),
            binDirectory: record.text("bin") ?? "",
            unit: unit, unitProperties: CommandOutput.assignments(record.text("properties") ?? ""),
            control: record.text("control").flatMap(CommandOutput.control))
        if facts.control == nil { problems.append("pg_controldata told nothing of \(data)") }
        addSQL(of: record.text("pid") ?? "", to: &facts)
        facts.details = all("details").first { $0.text("pid") == record.text("pid") }.map(DetailsReading.facts)
        if facts.details?.directoryMode == nil { problems.append("\(data) could not be looked into as root") }
        addFiles(of: record.text("pid") ?? "", to: &facts)
        addWALSample(of: record.text("pid") ?? "", to: &facts)
        facts.debianCluster = CommandOutput.debianCluster(configFile: facts.configFile, unit: unit)
        return facts
    }

    private mutating func addSQL(of pid: String, to facts: inout ServerFacts) {
        guard let record = all("sql").first(where: { $0.text("pid") == pid }) else { return }
        let databases = all("database").filter { $0.text("pid") == pid }.compactMap { $0.text("json") }
        do {
            let answer = try SQLAnswer(record.text("json") ?? "", databases: databases)
            facts.sql = answer.facts
            facts.startTime = answer.startTime
            facts.configFile = answer.configFile
            facts.hbaFile = answer.hbaFile
            facts.identFile = answer.identFile
            facts.socketDirectories = answer.socketDirectories
            lsnTime = answer.clock
            guard var sql = facts.sql else { return }
            if let text = all("activity").first(where: { $0.text("pid") == pid })?.text("json") {
                try ActivityAnswer.add(text, to: &sql)
            }
            if let text = all("sizes").first(where: { $0.text("pid") == pid })?.text("json") {
                try ActivityAnswer.addSizes(text, oids: answer.databaseOIDs, to: &sql)
            }
            facts.sql = sql
        } catch {
            problems.append("the server on port \(facts.port) answered something that cannot be read: \(error)")
        }
    }

    /// The primary's second reading, some seconds after the first.
    private func addWALSample(of pid: String, to facts: inout ServerFacts) {
        let words = (all("wal").first { $0.text("pid") == pid }?.text("text") ?? "").split(separator: " ")
        guard words.count == 2, let later = LSN(words[0]), let time = Double(words[1].trimmed), let began = lsnTime,
            let lsn = facts.sql?.currentLSN, time > began
        else { return }
        facts.details?.walSample = WALSample(bytes: later.bytes(ahead: lsn), seconds: time - began)
    }

    private mutating func addFiles(of pid: String, to facts: inout ServerFacts) {
        for record in all("file") where record.text("pid") == pid {
            guard let path = record.text("path"), let stat = record.text("stat") else { continue }
            let fields = stat.trimmed.split(separator: " ")
            guard fields.count == 3, let size = Int64(fields[2]) else { continue }
            facts.configFiles.append(
                FileFacts(
                    path: path, digest: record.text("digest")?.trimmed ?? "", owner: String(fields[0]),
                    mode: String(fields[1]), size: ByteCount(size)))
            // An empty file has a text too: bytes() is there, text() would be nil.
            guard let bytes = record.bytes("text") else { continue }
            guard let text = String(validating: bytes, as: UTF8.self) else {
                problems.append("\(path) is not UTF-8 text")
                continue
            }
            if let tool = ServiceReading.manager(of: text) { facts.details?.managedFiles[path] = tool }
            switch record.text("kind") {
            case "hba": facts.hbaText = text; facts.hbaFile = facts.hbaFile ?? path
            case "config": facts.configText = text; facts.configFile = facts.configFile ?? path
            default: break
            }
        }
        for record in all("includedir") where record.text("pid") == pid {
            facts.includeDirectories.append(
                DirectoryFacts(path: record.text("path") ?? "", names: record.names("names")))
        }
    }
}
