import Glibc
import HACore
import Kernel
import PostgresModel
import Timekeeping

extension LocalServer {
    /// Makes a fresh copy of `source` in the data directory, ready to start as its standby, by the first of `methods`
    /// that succeeds. What is there is moved aside to `DATADIR.pgadopt-TIMESTAMP`, tablespaces and a pg_wal elsewhere
    /// likewise, and moved back when no method succeeds. Configuration outside the data directory stays as it is.
    /// - Parameters:
    ///   - source: nil: only methods that work without a leader are tried.
    ///   - removesOld: what was moved aside is removed after a good copy (the operator has said so).
    public func clone(
        from source: Upstream?, methods: [ReplicaMethod] = [.basebackup(options: [])], removesOld: Bool = false,
        by deadline: BootInstant, progress: @escaping @Sendable (BackupProgress) -> Void = { _ in }
    ) async throws -> CloneOutcome {
        if let running = adopt() { throw ServerError(.wrongState, "PostgreSQL runs (\(running)): stop it first") }
        let server = source.flatMap { $0.isArchive ? nil : $0 }
        let usable = methods.filter { server != nil || $0.worksWithoutLeader }
        guard !usable.isEmpty else {
            throw ServerError(
                .wrongState,
                "there is no server to copy from, and no method with 'no_leader: true' that works without one")
        }
        try writePassFile()
        let layout = try DirectoryLayout(settings.dataDirectory, files)
        var moved: [(from: String, to: String)] = []
        do {
            try await tryMethods(usable, server, layout, &moved, by: deadline, progress)
            // The source's include file came along, if it lies in its data directory: its words are not ours.
            try rewriteInclude { $0 = IncludeFile() }
            try prepare(.standby(source))
        } catch {
            await moveBack(moved, by: deadline)
            throw error
        }
        control = nil
        crashedAt = nil
        try files.remove(rewindMarker)
        if removesOld {
            for (_, aside) in moved { try await removeTree(aside, by: deadline) }
            moved = []
        }
        return CloneOutcome(movedAside: Dictionary(moved.map { ($0.from, $0.to) }) { first, _ in first })
    }

    private func tryMethods(
        _ methods: [ReplicaMethod], _ source: Upstream?, _ layout: DirectoryLayout,
        _ moved: inout [(from: String, to: String)], by deadline: BootInstant,
        _ progress: @escaping @Sendable (BackupProgress) -> Void
    ) async throws {
        var failures: [String] = []
        for method in methods {
            if moved.isEmpty, !method.keepsData { try moveAside(layout, into: &moved) }
            do {
                switch method {
                case .basebackup(let options):
                    guard let source else { continue }
                    try await backUp(source, options, layout, by: deadline, progress: progress)
                case .custom(let script): try await run(script, source, by: deadline)
                }
                return
            } catch let error as ServerError {
                failures.append("\(method.name): \(error)")
                log.warning("making a replica failed", metadata: ["method": "\(method.name)", "error": "\(error)"])
                // What an unsuccessful method left is ours: the place was empty when it began. Data that it was to
                // keep is somebody's.
                if !method.keepsData { try await removeRemains(layout, by: deadline) }
            }
        }
        throw ServerError(.programFailed, "no replica could be made: \(failures.joined(separator: "; "))")
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

    /// Puts the former directories back.
    private func moveBack(_ moved: [(from: String, to: String)], by deadline: BootInstant) async {
        for (path, aside) in moved.reversed() {
            if files.exists(path), rmdir(path) != 0 {
                // Not empty: a copy that nobody has cleaned up. Nothing is deleted here.
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

    private func removeRemains(_ layout: DirectoryLayout, by deadline: BootInstant) async throws {
        for path in Set(layout.directories + [settings.dataDirectory]) where files.exists(path) {
            try await removeTree(path, by: deadline)
        }
    }

    /// As the server's user, so that nothing of another's goes.
    func removeTree(_ path: String, by deadline: BootInstant) async throws {
        let output = try await runner.run("/bin/rm", ["-rf", "--one-file-system", "--", path], by: deadline)
        let isGone = !files.exists(path) || ((try? files.names(in: path).isEmpty) ?? false)
        guard output.isSuccess || isGone else {
            throw ServerError(.files, "\(path) could not be removed: \(output.tail)")
        }
    }

    // MARK: methods

    private func run(_ script: ReplicaMethod.Script, _ source: Upstream?, by deadline: BootInstant) async throws {
        var words = script.command
        var environment: [String: String] = [:]
        if script.passesParameters {
            let target = source.map { connectionInfo(to: $0, application: settings.name).description } ?? ""
            words += [
                "--scope=\(wanted?.scope ?? "")", "--role=replica", "--datadir=\(settings.dataDirectory)",
                "--connstring=\(target)",
            ]
        }
        if settings.replication.password != nil { environment["PGPASSFILE"] = settings.passFile }
        log.info("making a replica by a program of the operator's", metadata: ["method": "\(script.name)"])
        let output = try await runner.run(
            words[0], Array(words.dropFirst()), environment: environment, by: deadline)
        guard output.isSuccess else { throw ServerError(.programFailed, "\(words[0]) ended with \(output.ending): \(output.tail)") }
        guard files.exists("\(settings.dataDirectory)/PG_VERSION") else {
            throw ServerError(.programFailed, "\(words[0]) ended well and left no data directory")
        }
        // A restore tool's own idea of the recovery; ours is a standby's.
        try files.remove("\(settings.dataDirectory)/recovery.signal")
    }

    private func backUp(
        _ source: Upstream, _ options: [String], _ layout: DirectoryLayout, by deadline: BootInstant,
        progress: @escaping @Sendable (BackupProgress) -> Void
    ) async throws {
        func isGiven(_ name: String) -> Bool { options.contains { $0 == "--\(name)" || $0.hasPrefix("--\(name)=") } }
        var arguments = [
            "-D", settings.dataDirectory, "-d", connectionInfo(to: source, application: settings.name).description,
            "-X", "stream", "--progress", "--no-password",
        ]
        if !isGiven("checkpoint") { arguments += ["-c", "fast"] }
        if let wal = layout.walDirectory, !isGiven("waldir") { arguments += ["--waldir", wal] }
        if let rate = settings.maximumBackupRate, !isGiven("max-rate") {
            // pg_basebackup takes 32 kB to 1 GB a second.
            arguments += ["--max-rate", "\(min(max(rate.rawValue >> 10, 32), 1 << 20))k"]
        }
        arguments += options
        let slot = self.slot(at: source).map { ["--slot", $0] } ?? []
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
