import Planning
import Shell

/// Takes a running server out of its systemd unit. Order matters: the drop-in disarms the unit's stop commands
/// before anything else is touched, and that is checked with systemd itself before the processes move.
struct LegacyUnitStep: Step {
    var change: LegacyUnitChange

    func isDone(_ context: StepContext) async throws -> Bool {
        guard try await context.isWritten(change.dropIn), try await context.isWritten(change.marker) else { return false }
        if let path = change.startConf, try await !isDisabled(path, context) { return false }
        guard let postmaster = change.postmaster else { return true }
        return try await unit(of: postmaster, context) != change.unit
    }

    func apply(_ context: StepContext) async throws {
        for file in [change.marker, change.dropIn] {
            try await context.willMake("file", file.path)
            try await context.write(file)
        }
        if let path = change.startConf { try await disable(path, context) }
        try await context.run("reloading systemd", "systemctl daemon-reload", deadline: .seconds(60))
        try await expectDisarmed(context)
        guard let postmaster = change.postmaster, let scope = change.scope else { return }
        try await context.expectUnchanged(postmaster, on: context.host)
        if try await unit(of: postmaster, context) != scope { try await move(postmaster, to: scope, context) }
        try await context.expectUnchanged(postmaster, on: context.host)
    }

    /// systemd must have read the drop-in: a unit with its own ExecStop would stop the server later.
    private func expectDisarmed(_ context: StepContext) async throws {
        let output = try await context.run(
            "asking systemd for \(change.unit)",
            "systemctl show -p LoadState,KillMode,ExecStop,DropInPaths -- \(quoted(change.unit))")
        let isDisarmed = output.contains("KillMode=none") && output.contains(change.dropIn.path)
            && !output.contains("ExecStop={")
        let isUnknown = output.contains("LoadState=not-found")
        guard isDisarmed || isUnknown else {
            throw ExecutionError(
                .commandFailed, host: context.host, "\(change.unit) still has its own stop command in systemd",
                remedy: "Another drop-in of this unit wins over ours: look at systemctl cat \(change.unit).")
        }
    }

    /// The word in Debian's start.conf; comments stay. The file's first text is kept in the state directory.
    private func disable(_ path: String, _ context: StepContext) async throws {
        try await context.willMake("edit", path)
        try await context.run(
            "disabling \(path)",
            StepContext.fileFunctions + """
                p=\(quoted(path)); k=\(quoted(context.layout.state + "/start.conf.before"))
                if [ -e "$p" ]; then
                    mkdir -p "$(dirname "$k")"
                    if ! [ -e "$k" ]; then cp -p "$p" "$k.new"; mv "$k.new" "$k"; fi
                    t="$p.pgadopt.$$"
                    trap 'rm -f "$t"' EXIT
                    cp -p "$p" "$t"
                    sed -e 's/^[[:blank:]]*[a-z][a-z]*[[:blank:]]*$/disabled/' "$k" > "$t"
                    mv -f "$t" "$p"
                    trap - EXIT
                fi
                """)
    }

    private func isDisabled(_ path: String, _ context: StepContext) async throws -> Bool {
        try await context.tryRun("! [ -e \(quoted(path)) ] || grep -qx disabled \(quoted(path))").succeeded
    }

    /// The unit that the process belongs to, by its control group.
    private func unit(of postmaster: PostmasterIdentity, _ context: StepContext) async throws -> String {
        let output = try await context.run("reading the control group", "cat /proc/\(postmaster.pid)/cgroup")
        for line in output.split(separator: "\n") {
            if let last = line.split(separator: "/").last, last.hasSuffix(".service") || last.hasSuffix(".scope") {
                return String(last)
            }
        }
        return ""
    }

    /// A transient scope with the postmaster and its children in it; what the postmaster forks from now on is born
    /// there, and what it forked while we looked is fetched afterwards. systemd itself moves them: only it knows
    /// where a unit's control groups are. Before= the agent's unit: at shutdown systemd stops in the reverse
    /// order, so the agent stops the server before the scope is ended.
    private func move(_ postmaster: PostmasterIdentity, to scope: String, _ context: StepContext) async throws {
        let manager = [
            "busctl", "call", "--quiet", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
            "org.freedesktop.systemd1.Manager",
        ]
        let start = commandLine(manager + ["StartTransientUnit", "ssa(sv)a(sa(sv))", scope, "fail", "4", "PIDs", "au"])
        let properties = commandLine([
            "Description", "s", "PostgreSQL server of cluster \(context.plan.cluster)", "Before", "as", "1",
            change.agentUnit, "TimeoutStopUSec", "t", "600000000", "0",
        ])
        let attach = commandLine(manager + ["AttachProcessesToUnit", "ssau", scope])
        try await context.run(
            "moving the server to \(scope)",
            """
            set -eu
            pid=\(postmaster.pid)
            # Parent of a process: the second field after the name, which may itself hold blanks and brackets.
            parent() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 2; }
            children() {
                for d in /proc/[0-9]*; do
                    p=${d#/proc/}
                    if [ "$(parent "$p")" = $pid ]; then echo "$p"; fi
                done
            }
            outside() { ! grep -q \(quoted("/" + scope + "$")) "/proc/$1/cgroup" 2>/dev/null; }
            set -- $pid $(children)
            \(start) $# "$@" \(properties)
            i=0
            while outside $pid; do
                i=$((i + 1)); [ $i -lt 50 ] || { echo "systemd did not move process $pid" >&2; exit 1; }
                sleep 0.1
            done
            for p in $(children); do
                if outside "$p"; then \(attach) '' 1 "$p" || :; fi
            done
            """,
            deadline: .seconds(60))
        try await restorePIDFile(postmaster, context)
    }

    /// systemd deletes a unit's PIDFile when the unit goes inactive; pg_lsclusters would then call the server down.
    private func restorePIDFile(_ postmaster: PostmasterIdentity, _ context: StepContext) async throws {
        guard let path = change.pidFile else { return }
        try await context.run(
            "writing \(path)",
            StepContext.fileFunctions + """
                if ! [ -s \(quoted(path)) ]; then
                    echo \(postmaster.pid) | put \(quoted(path)) \(quoted(context.plan.primary.osUser)) 0644
                fi
                """)
    }

    func undo(_ context: StepContext) async throws {
        if let path = change.startConf, await context.made("edit").contains(path) {
            try await context.run(
                "restoring \(path)",
                """
                set -eu
                k=\(quoted(context.layout.state + "/start.conf.before"))
                if [ -e "$k" ]; then cp -p "$k" \(quoted(path + ".pgadopt")); mv -f \(quoted(path + ".pgadopt")) \(quoted(path)); fi
                """)
        }
        let made = await context.made("file")
        for file in [change.dropIn, change.marker] where made.contains(file.path) { try await context.remove(file.path) }
        try await context.run(
            "reloading systemd",
            "rmdir \(quoted(change.dropIn.path.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" })) 2>/dev/null; "
                + "systemctl daemon-reload",
            deadline: .seconds(60))
    }
}
