import Glibc
import HACore
import Kernel
import PostgresModel
import Timekeeping

extension LocalServer {
    /// Makes a fresh copy of `source` in the data directory, ready to start as its standby. What is there is moved
    /// aside to `DATADIR.pgadopt-TIMESTAMP`, tablespaces and a pg_wal elsewhere likewise, and moved back when the
    /// copy fails. Configuration outside the data directory stays as it is.
    public func clone(
        from source: Upstream, by deadline: BootInstant,
        progress: @escaping @Sendable (BackupProgress) -> Void = { _ in }
    ) async throws -> CloneOutcome {
        if let running = adopt() { throw ServerError(.wrongState, "PostgreSQL runs (\(running)): stop it first") }
        try writePassFile()
        let layout = try DirectoryLayout(settings.dataDirectory, files)
        var moved: [(from: String, to: String)] = []
        do {
            try moveAside(layout, into: &moved)
            try await backUp(source, layout, by: deadline, progress: progress)
            try prepare(.standby(source))
        } catch {
            moveBack(moved)
            throw error
        }
        control = nil
        crashedAt = nil
        try files.remove(rewindMarker)
        return CloneOutcome(movedAside: Dictionary(moved.map { ($0.from, $0.to) }) { first, _ in first })
    }

    private func moveAside(_ layout: DirectoryLayout, into moved: inout [(from: String, to: String)]) throws {
        let suffix = freeSuffix(for: layout.directories)
        for path in layout.directories {
            let aside = path + suffix
            do {
                try files.move(path, to: aside)
            } catch {
                throw ServerError(
                    .files,
                    "\(path) cannot be moved aside (\(error)); if it is a mount point, or its parent directory is not "
                        + "writable for us, empty it yourself")
            }
            moved.append((path, aside))
        }
    }

    /// The time, and a number when two copies meet within a second: nothing that was moved aside is overwritten.
    private func freeSuffix(for paths: [String]) -> String {
        let stamp = ".pgadopt-\(settings.timestamp())"
        var suffix = stamp
        var number = 1
        while paths.contains(where: { files.exists($0 + suffix) }) {
            number += 1
            suffix = "\(stamp)-\(number)"
        }
        return suffix
    }

    /// Puts the former directories back where pg_basebackup has left nothing or its own unfinished copy.
    private func moveBack(_ moved: [(from: String, to: String)]) {
        for (path, aside) in moved.reversed() {
            if files.exists(path), rmdir(path) != 0 {
                // Not empty: an unfinished copy that pg_basebackup did not clean up. Nothing is deleted here either.
                let unfinished = "\(path).pgadopt-unfinished-\(settings.timestamp())"
                guard (try? files.move(path, to: unfinished)) != nil else { continue }
                log.warning("an unfinished copy was left", metadata: ["path": "\(unfinished)"])
            }
            do {
                try files.move(aside, to: path)
            } catch {
                log.error("could not be moved back", metadata: ["path": "\(aside)", "error": "\(error)"])
            }
        }
    }

    private func backUp(
        _ source: Upstream, _ layout: DirectoryLayout, by deadline: BootInstant,
        progress: @escaping @Sendable (BackupProgress) -> Void
    ) async throws {
        var arguments = [
            "-D", settings.dataDirectory, "-d", connectionInfo(to: source, application: settings.name).description,
            "-X", "stream", "-c", "fast", "--progress", "--no-password",
        ]
        if let wal = layout.walDirectory { arguments += ["--waldir", wal] }
        if let rate = settings.maximumBackupRate {
            // pg_basebackup takes 32 kB to 1 GB a second.
            arguments += ["--max-rate", "\(min(max(rate.rawValue >> 10, 32), 1 << 20))k"]
        }
        let slot = settings.usesSlots ? ["--slot", slotName(forMember: settings.name)] : []
        log.info("base backup begins", metadata: ["source": "\(source.name)"])
        let watch: @Sendable (String) -> Void = { BackupProgress(parsing: $0).map(progress) }
        let program = settings.program("pg_basebackup")
        var output = try await runner.run(program, arguments + slot, by: deadline, progress: watch)
        if !output.isSuccess, !slot.isEmpty, output.text.contains("does not exist"),
            output.text.contains("replication slot")
        {
            // The source makes our slot when it leads; a cascading source may have none. The copy carries its own log.
            log.warning("the source has no slot for us, the base backup goes on without")
            output = try await runner.run(program, arguments, by: deadline, progress: watch)
        }
        guard output.isSuccess else {
            throw ServerError(.programFailed, "the base backup from \(source.name) failed: \(output.tail)")
        }
    }
}

/// Where a data directory's parts lie.
struct DirectoryLayout: Equatable, Sendable {
    /// Existing directories that a copy must find absent: the data directory, tablespaces, a pg_wal elsewhere.
    var directories: [String] = []
    /// Where pg_wal leads when it is a symbolic link.
    var walDirectory: String?

    /// An absent or empty data directory needs nothing moved.
    init(_ dataDirectory: String, _ files: Files) throws {
        guard files.exists(dataDirectory), try !files.names(in: dataDirectory).isEmpty else { return }
        guard files.exists("\(dataDirectory)/PG_VERSION") else {
            throw ServerError(
                .wrongState, "\(dataDirectory) is not empty and holds no PostgreSQL data directory: it is left alone")
        }
        walDirectory = linkTarget("\(dataDirectory)/pg_wal")
        let links = "\(dataDirectory)/pg_tblspc"
        let names = files.exists(links) ? try files.names(in: links) : []
        let tablespaces = names.compactMap { linkTarget("\(links)/\($0)") }
        // Tablespaces inside the data directory move with it.
        let outside = (tablespaces + [walDirectory].compactMap { $0 }).filter {
            $0.hasPrefix("/") && !$0.hasPrefix(dataDirectory + "/") && files.exists($0)
        }
        directories = outside + [dataDirectory]
    }
}
