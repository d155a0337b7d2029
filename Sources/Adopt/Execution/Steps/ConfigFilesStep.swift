import Planning
import Shell

/// Configuration files that the base backup does not bring, and what makes the copy a standby.
struct ConfigFilesStep: Step {
    var change: ConfigFilesChange

    func isDone(_ context: StepContext) async throws -> Bool { false }

    func apply(_ context: StepContext) async throws {
        for path in change.paths {
            try await refuseForeign(path, context)
            try await context.willMake("path", path)
            let parent = directory(path)
            if try await !context.tryRun("test -d \(quoted(parent))").succeeded {
                try await context.willMake("parent", parent)
            }
            try await copy(path, context)
        }
        try await context.write(change.settings)
        for path in change.signalFiles {
            try await context.write(FileWrite(path: path, owner: change.osUser, mode: "0600", content: ""))
        }
    }

    /// A path that was here before us is somebody's.
    private func refuseForeign(_ path: String, _ context: StepContext) async throws {
        if await context.made("path").contains(path) { return }
        let exists = try await context.tryRun("test -e \(quoted(path)) && [ -n \"$(ls -A -- \(quoted(path)))\" ]")
            .succeeded
        guard exists else { return }
        throw ExecutionError(
            .conflict, host: context.host, "\(path) exists on this host and was not made by this plan",
            remedy:
                "If it belongs to no server that is needed (an empty cluster of the package, for instance), remove it "
                + "(Debian: pg_dropcluster) and run the same command again.")
    }

    private func copy(_ path: String, _ context: StepContext) async throws {
        let relative = String(path.drop { $0 == "/" })
        let packed = try await context.shell(change.sourceHost).run(
            "tar -C / -cf - -- \(quoted(relative))", as: .root, deadline: .seconds(60))
        guard packed.succeeded else {
            throw ExecutionError(.commandFailed, host: change.sourceHost, "\(path) cannot be read\(packed.words)")
        }
        try await context.run(
            "copying \(path)",
            StepContext.flush + """
            set -eu; umask 022
            p=\(quoted(path)); o=\(quoted(change.osUser)); g=$(id -gn "$o"); d=$(dirname "$p")
            n=$d; missing=
            while ! [ -d "$n" ]; do missing="$n"; n=$(dirname "$n"); done
            if [ -n "$missing" ]; then mkdir -p "$d"; chown -R "$o:$g" "$missing"; fi
            tar -C / -xpf -
            flush "$p"
            """,
            standardInput: packed.standardOutput, deadline: .seconds(60))
        try await restoreStartConf(path, context)
    }

    /// The source's start.conf says `disabled` since its own unit was stilled; this host is to have the word of before.
    private func restoreStartConf(_ path: String, _ context: StepContext) async throws {
        let kept = "\(context.layout.state)/start.conf.before"
        let before = try await context.tryRun(on: change.sourceHost, "cat -- \(quoted(kept)) 2>/dev/null")
        guard before.succeeded, !before.standardOutput.isEmpty else { return }
        try await context.run(
            "writing \(path)/start.conf",
            StepContext.fileFunctions + """
                p=\(quoted(path + "/start.conf"))
                if [ -e "$p" ]; then put "$p" \(quoted(change.osUser)) 0644; fi
                """,
            standardInput: before.standardOutput)
    }

    func undo(_ context: StepContext) async throws {
        let made = await context.made("path")
        for path in change.paths.reversed() where made.contains(path) {
            try await context.run("removing \(path)", "rm -rf -- \(quoted(path))")
        }
        for parent in await context.made("parent") {
            try await context.run("removing \(parent)", "rmdir -- \(quoted(parent)) 2>/dev/null || :")
        }
    }
}
