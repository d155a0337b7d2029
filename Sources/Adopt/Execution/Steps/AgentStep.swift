import JSON
import Planning
import Shell

/// The agent: configuration, unit, start, and the wait until it has its role.
struct AgentStep: Step {
    var change: AgentChange

    func isDone(_ context: StepContext) async throws -> Bool {
        guard try await context.isWritten(change.configuration) else { return false }
        let isActive = try await context.tryRun(
            "systemctl is-enabled --quiet \(quoted(change.unit)) && systemctl is-active --quiet \(quoted(change.unit))")
        guard isActive.succeeded else { return false }
        return try await hasRole(context)
    }

    func apply(_ context: StepContext) async throws {
        try await context.run(
            "making \(change.stateDirectory)",
            StepContext.fileFunctions + "directory \(quoted(change.stateDirectory)) \(quoted(change.osUser)) 0700")
        // The unit template is shared by the clusters of a host: whoever writes it last removes it last.
        for file in change.unitFiles + [change.configuration] {
            try await context.willMake("file", file.path)
            try await context.write(file)
        }
        if let postmaster = change.postmaster { try await context.expectUnchanged(postmaster, on: context.host) }
        if change.role == .replica { await CatchUp(of: change.member, context)?.begin(context) }
        try await context.run(
            "starting \(change.unit)",
            "systemctl daemon-reload && systemctl enable --quiet \(quoted(change.unit)) && "
                + "systemctl restart --no-block \(quoted(change.unit))",
            deadline: .seconds(60))
        do {
            try await waitForRole(context)
        } catch let error as ExecutionError where error.code == .timeout {
            throw await explained(error, context)
        }
        if let postmaster = change.postmaster { try await context.expectUnchanged(postmaster, on: context.host) }
    }

    private func waitForRole(_ context: StepContext) async throws {
        if change.role == .leader {
            _ = try await context.poll("the lease", within: .seconds(60)) { try await hasRole(context) ? true : nil }
        } else {
            try await waitForStandby(context)
        }
        let path = change.role == .leader ? "primary" : "replica"
        _ = try await context.poll("200 on /\(path) of the agent's REST API", within: .seconds(20)) {
            try await restStatus(path, context).map { $0 == 200 } ?? true ? true : nil
        }
    }

    /// A standby runs when it is consistent; until then a restored one replays what the archive has of it.
    private func waitForStandby(_ context: StepContext) async throws {
        var watch = RecoveryWatch(dataDirectory: context.plan.copy(on: change.member)?.dataDirectory)
        while true {
            do {
                _ = try await context.poll("a running standby", within: .seconds(180)) {
                    try await hasRole(context) ? true : nil
                }
                return
            } catch let error as ExecutionError where error.code == .timeout {
                guard await watch.hasMoved(context) else { throw error }
            }
        }
    }

    private func hasRole(_ context: StepContext) async throws -> Bool {
        let keys = try await context.environment.store.read(prefix: change.storePrefix)
        guard let text = keys["\(change.storePrefix)members/\(change.member)"],
            let member = try? JSON(parsing: text), member["state"]?.string == "running"
        else { return false }
        switch change.role {
        case .leader: return keys["\(change.storePrefix)leader"] == change.member && member["role"]?.string == "primary"
        case .replica: return true
        }
    }

    /// The status of a GET on the host itself, by bash's /dev/tcp; nil where there is no bash.
    private func restStatus(_ path: String, _ context: StepContext) async throws -> Int? {
        let request = """
            exec 3<>/dev/tcp/127.0.0.1/\(change.restPort) || exit 7
            printf 'GET /\(path) HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3
            read -r -t 3 line <&3
            echo "$line"
            """
        let result = try await context.tryRun(
            "command -v bash >/dev/null || { echo none; exit 0; }; bash -c \(quoted(request)) 2>/dev/null")
        let words = result.output.split(whereSeparator: \.isWhitespace)
        if words.first == "none" { return nil }
        return words.dropFirst().first.flatMap { Int($0) } ?? 0
    }

    /// What the agent itself says about it.
    private func explained(_ error: ExecutionError, _ context: StepContext) async -> ExecutionError {
        var error = error
        let log = try? await context.tryRun(
            "journalctl --no-pager -o cat -n 8 -u \(quoted(change.unit)) 2>/dev/null", deadline: .seconds(20))
        let lines = log?.output.split(separator: "\n").map { "  \($0)" } ?? []
        if !lines.isEmpty { error.message += ". The agent's last words:\n" + lines.joined(separator: "\n") }
        error.remedy = "Look at journalctl -u \(change.unit) on \(context.host), then run the same command again."
        return error
    }

    func undo(_ context: StepContext) async throws {
        try await context.run(
            "stopping \(change.unit)",
            "systemctl disable --now \(quoted(change.unit)) 2>/dev/null || :", deadline: .seconds(660))
        try await context.endGuard(of: change.unit)
        let made = await context.made("file")
        for file in [change.configuration] + change.unitFiles where made.contains(file.path) {
            if file.path == Layout.unitTemplate {
                try await context.run(
                    "removing \(file.path)",
                    "for f in /etc/pgadopt/*.yml; do if [ -e \"$f\" ]; then exit 0; fi; done; "
                        + "rm -f -- \(quoted(file.path))"
                )
            } else {
                try await context.remove(file.path)
            }
        }
        try await context.run("reloading systemd", "systemctl daemon-reload", deadline: .seconds(60))
    }
}

extension StepContext {
    /// The guard outlives the agent on purpose; without an agent it would stop the server when the lease ends.
    func endGuard(of unit: String) async throws {
        try await run(
            "ending the lease guard",
            """
            for d in /proc/[0-9]*; do
                [ "$(cat "$d/comm" 2>/dev/null)" = pgadopt-guard ] || continue
                case "$(cat "$d/cgroup" 2>/dev/null)" in *\(quoted("/" + unit))*) kill -KILL "${d#/proc/}" ;; esac
            done
            """)
    }
}
