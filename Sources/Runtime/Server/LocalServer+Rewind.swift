import HACore
import Kernel
import PostgresClient
import PostgresModel
import Timekeeping

/// What pg_rewind found.
public enum RewindOutcome: Equatable, Sendable {
    /// The log did not diverge; nothing was changed.
    case notNeeded
    /// Rewound to where the log left the leader's.
    case rewound(from: LSN?)
}

extension LocalServer {
    /// Makes a diverged former primary a copy of `source` again. The server is stopped first, recovered if it
    /// crashed, and left stopped, ready to start as a standby.
    /// - Throws: `ServerError`; `unavailable` when the source cannot be asked: then nothing was done here, and a server
    ///   that runs runs on. After a pg_rewind that failed while it changed files the directory is unusable and needs
    ///   `clone`; `rewindMarker` is left for that.
    /// - Parameter options: further arguments of pg_rewind, each an element of argv.
    public func rewind(
        from source: Upstream, options: [String] = [], by deadline: BootInstant
    ) async throws -> RewindOutcome {
        guard relaySettings(of: source) == nil else {
            throw ServerError(
                .wrongState, "pg_rewind reads by SQL, which the relay of \(source.name) does not carry: clone it")
        }
        try writePassFile()
        let dsn = connectionInfo(
            to: source, application: settings.name, login: settings.rewind, database: settings.database)
        try await reach(source, dsn, by: min(deadline, clock.now + .seconds(10)))
        try await stop(.fast, by: deadline)
        try await settle(by: deadline)
        var data = try await controlData(by: deadline)
        guard data.hasChecksums || data.walLogHints else {
            throw ServerError(
                .wrongState, "pg_rewind needs data checksums or wal_log_hints, and this server has neither: clone it")
        }
        if !data.isShutDown {
            // A copy, or what an earlier pg_rewind has made: recovered by itself it would write a log of its own on the
            // source's timeline, and pg_rewind, which compares timelines, would not see it.
            guard !files.exists("\(settings.dataDirectory)/backup_label") else {
                throw ServerError(
                    .wrongState, "there is a backup_label: this directory has to replay the log of \(source.name) "
                        + "before it can be rewound")
            }
            try await recoverInSingleUserMode(by: deadline)
            data = try await controlData(by: deadline)
            guard data.isShutDown else {
                throw ServerError(.wrongState, "after crash recovery the server is \(data.clusterState)")
            }
        }
        var arguments = ["-D", settings.dataDirectory, "--source-server", dsn.description, "--progress"]
        let version = majorVersion
        if version >= 13, try await hasRestoreCommand(by: deadline) { arguments.append("--restore-target-wal") }
        if version >= 15, let file = settings.configFile { arguments += ["--config-file", file] }
        arguments += options
        log.info("rewinding", metadata: ["source": "\(source.name)"])
        // Outside the data directory, which pg_rewind makes the source's.
        try files.makeDirectory(settings.stateDirectory)
        try files.write("", to: rewindMarker)
        let output = try await runner.run(settings.program("pg_rewind"), arguments, by: deadline)
        guard output.isSuccess else {
            // What it says before its first change (`--progress`; the same words in 12 to 18).
            if !output.text.contains("need to copy") { try files.remove(rewindMarker) }
            throw ServerError(.programFailed, "pg_rewind from \(source.name) failed: \(output.tail)")
        }
        // It has copied the source's files, our include file among them if that lies in the data directory.
        try rewriteInclude { $0 = IncludeFile() }
        try prepare(.standby(source))
        try files.remove(rewindMarker)
        if output.text.contains("no rewind required") { return .notNeeded }
        return .rewound(from: divergencePoint(in: output.text))
    }

    /// A source that is starting, crashed or cut off would make pg_rewind fail, for which nobody's data is to be copied
    /// anew.
    private func reach(_ source: Upstream, _ dsn: ConnectionString, by deadline: BootInstant) async throws {
        do {
            let settings = Dictionary(dsn.settings.map { ($0.name, $0.value) }) { $1 }
            try await PostgresConnection.connect(settings, by: deadline, clock: clock).close()
        } catch {
            throw ServerError(.unavailable, "\(source.name) cannot be asked for a pg_rewind: \(error)")
        }
    }

    /// There from the beginning of a pg_rewind to its good end, or to a fresh copy.
    nonisolated var rewindMarker: String { settings.rewindMarker }

    /// pg_rewind wants an orderly shutdown. A single-user server recovers and shuts down; archiving is switched off
    /// in a way that keeps what waits for the archive.
    func recoverInSingleUserMode(by deadline: BootInstant) async throws {
        let directory = settings.dataDirectory
        for name in ["standby.signal", "recovery.signal"] { try files.remove("\(directory)/\(name)") }
        // The owner's `-i` and the like are a postmaster's; only settings are carried over.
        let options = settingsOnly(ownersOptions())
        log.info("crash recovery in single-user mode")
        isRecoveringAlone = true
        defer { isRecoveringAlone = false }
        let output = try await runner.run(
            settings.program("postgres"),
            ["--single", "-D", directory] + settings.configArguments + options
                + ["-c", "archive_mode=on", "-c", "archive_command=false", "template1"],
            by: deadline)
        guard output.isSuccess else {
            throw ServerError(.programFailed, "crash recovery in single-user mode failed: \(output.tail)")
        }
    }

    private func settingsOnly(_ options: [String]) -> [String] {
        var kept: [String] = []
        var rest = options[...]
        while let option = rest.popFirst() {
            if option == "-c", let setting = rest.popFirst() { kept += ["-c", setting] }
            if option.hasPrefix("--") { kept.append(option) }
        }
        return kept
    }

    private func hasRestoreCommand(by deadline: BootInstant) async throws -> Bool {
        let output = try await runner.run(
            settings.program("postgres"), ["-D", settings.dataDirectory] + settings.configArguments
                + ["-C", "restore_command"], by: deadline)
        return output.isSuccess && !output.text.allSatisfy(\.isWhitespace)
    }

    /// From PG_VERSION; 0 when unreadable.
    var majorVersion: Int {
        let text = (try? readSmallText("\(settings.dataDirectory)/PG_VERSION")) ?? ""
        return Int(text.prefix { $0.isNumber }) ?? 0
    }
}

/// `servers diverged at WAL location 0/3000060 on timeline 1`
func divergencePoint(in text: String) -> LSN? {
    let words = text.split(whereSeparator: \.isWhitespace)
    guard let label = words.firstIndex(of: "location"), words.indices.contains(label + 1) else { return nil }
    return LSN(words[label + 1])
}
