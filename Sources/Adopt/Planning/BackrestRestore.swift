import Configuration
import Facts
import Inventory
import PostgresModel

/// A restore from the owner's repository of pgBackRest, in the place of pg_basebackup.
public struct BackrestRestore: Codable, Equatable, Sendable {
    /// On the replica.
    public var program: String
    public var stanza: String
    public var configFile: String?
    public var repository: Int?
    public var processes: Int?
    public var dataDirectory: String
    /// The backup that was the last when the plan was made; a later one is taken if there is one by then.
    public var backup: String?
    /// Configuration files in the data directory, by their paths below it: the backup has them as they were once, the
    /// replica needs them as they are on the primary.
    public var freshFiles: [String]

    public init(
        program: String, stanza: String, configFile: String? = nil, repository: Int? = nil, processes: Int? = nil,
        dataDirectory: String, backup: String? = nil, freshFiles: [String] = []
    ) {
        self.program = program
        self.stanza = stanza
        self.configFile = configFile
        self.repository = repository
        self.processes = processes
        self.dataDirectory = dataDirectory
        self.backup = backup
        self.freshFiles = freshFiles
    }

    /// The command. What the configuration file may say of the restore is for the owner's own restores, and is taken
    /// back: parts of the databases only, other places. Recovery settings are not pgBackRest's but those of our include
    /// file (`--type=none`), and pg_wal's place is ours too.
    /// - Parameter delta: keeps files that are right already. Never in a directory that is not of our making.
    public func command(delta: Bool) -> [String] {
        common + (repository.map { ["--repo=\($0)"] } ?? []) + (processes.map { ["--process-max=\($0)"] } ?? [])
            + [
                "--type=none", delta ? "--delta" : "--no-delta", "--no-link-all", "--reset-link-map",
                "--reset-tablespace-map", "--reset-tablespace-map-all", "--reset-db-include", "--reset-db-exclude",
                "--log-level-console=detail", "--log-level-stderr=off", "--log-level-file=off", "restore",
            ]
    }

    private var common: [String] {
        [program, "--stanza=\(stanza)"] + (configFile.map { ["--config=\($0)"] } ?? [])
            + ["--pg1-path=\(dataDirectory)", "--reset-pg1-host"]
    }

    /// What PostgreSQL runs for a WAL file that is in the archive only (`restore_command`).
    public var walCommand: String {
        let words = CommandWords(program: common[0], arguments: Array(common.dropFirst())).quoted
        return words.split(separator: "%", omittingEmptySubsequences: false).joined(separator: "%%")
            + " archive-get %f \"%p\""
    }

    /// How an agent makes its own replica: into a directory that does not exist, since what was there is moved aside.
    func replicaMethod(walDirectory: String?) -> ReplicaMethod {
        let words = command(delta: false)
        var lines = "umask 077; mkdir -p \"$0\" && " + CommandWords(program: words[0], arguments: Array(words.dropFirst())).quoted
        if let walDirectory {
            let place = CommandWords(program: walDirectory).quoted
            lines += " && mkdir -p \(place) && find \"$0/pg_wal\" -mindepth 1 -maxdepth 1 -exec mv {} \(place)/ \\; "
                + "&& rmdir \"$0/pg_wal\" && ln -s \(place) \"$0/pg_wal\""
        }
        var script = CustomScript(command: CommandWords(program: "/bin/sh", arguments: ["-c", lines, dataDirectory]))
        script.noParams = true
        return ReplicaMethod(name: "pgbackrest", script: script)
    }
}

extension PlanContext {
    /// Nil: replicas are copied, or the host has no pgBackRest and its replica runs already.
    func backrestRestore(of host: HostSpec) -> BackrestRestore? {
        guard let wanted = spec.replicas.pgBackRest else { return nil }
        let program = facts.host(host.name)?.pgBackRest?.program
        if program == nil, runningServer(of: host) != nil { return nil }
        return BackrestRestore(
            program: program ?? "pgbackrest", stanza: wanted.stanza, configFile: wanted.configFile,
            repository: wanted.repository, processes: wanted.processes, dataDirectory: dataDirectory(of: host),
            backup: lastBackup?.label, freshFiles: filesInDataDirectory)
    }

    private var filesInDataDirectory: [String] {
        let inside = server.configFiles.map(\.path).filter { $0.hasPrefix(server.dataDirectory + "/") }
            .map { String($0.dropFirst(server.dataDirectory.count + 1)) }
        // ALTER SYSTEM writes it there wherever the others lie.
        return (inside + ["postgresql.auto.conf"]).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    /// What a restore would take now.
    var lastBackup: BackrestFacts.Backup? {
        primaryFacts.pgBackRest?.newestBackup(
            of: control.systemIdentifier, repository: spec.replicas.pgBackRest?.repository)
    }

    /// `restore_command` of a member that this plan restores, or that is restored later; nil: none of ours. A standby
    /// that runs already keeps its owner's.
    func walCommand(of host: HostSpec) -> String? {
        standbys[host.name] == nil ? backrestRestore(of: host)?.walCommand : nil
    }

    /// Where the pg_wal of a copy on a host goes.
    func walPlace(of host: HostSpec) -> WALPlace {
        guard let found = facts.host(host.name) else { return .inside }
        return found.walPlace(named: postgres(of: host).walDirectory, primary: server)
    }

    /// pg_wal of a member, now or when it is copied: nil: in its data directory.
    func walDirectory(of host: HostSpec) -> String? {
        if let running = runningServer(of: host) { return running.walDirectory }
        return walPlace(of: host).directory
    }
}
