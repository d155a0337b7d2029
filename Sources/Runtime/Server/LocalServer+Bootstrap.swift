import Configuration
import Glibc
import HACore
import Kernel
import PostgresClient
import PostgresModel
import Timekeeping

/// How a new cluster begins in an empty data directory (compatibility sheet f.2, f.4).
public struct BootstrapPlan: Equatable, Sendable {
    public enum Method: Equatable, Sendable {
        /// initdb with these further arguments.
        case initdb(options: [String])
        case custom(Script)
    }

    /// A program that fills the data directory, from a backup for instance.
    public struct Script: Equatable, Sendable {
        /// The program and its arguments.
        public var command: [String]
        /// `--scope=` and `--datadir=` are added.
        public var passesParameters: Bool
        /// Settings of the recovery that follows, such as `restore_command` and a target; nil: none is wanted.
        public var recovery: [String: String]?
        /// recovery.signal and the settings that the script made stay.
        public var keepsRecovery: Bool

        public init(
            command: [String], passesParameters: Bool = true, recovery: [String: String]? = nil,
            keepsRecovery: Bool = false
        ) {
            self.command = command
            self.passesParameters = passesParameters
            self.recovery = recovery
            self.keepsRecovery = keepsRecovery
        }
    }

    public var scope: String
    public var method: Method
    /// Added to the pg_hba.conf that initdb made.
    public var hba: [String]
    /// Run on the new primary with a connection string as its last argument; a failure ends the bootstrap.
    public var postBootstrap: [String]?

    public init(scope: String, method: Method, hba: [String] = [], postBootstrap: [String]? = nil) {
        self.scope = scope
        self.method = method
        self.hba = hba
        self.postBootstrap = postBootstrap
    }
}

extension LocalServer {
    /// Makes a new cluster and returns with the server running as a primary, its roles made and the post-bootstrap
    /// program done. The configuration to begin with is the one `configure` was given.
    /// - Throws: after a failure the server is stopped and what was made lies in `DATADIR.pgadopt-failed-TIMESTAMP`.
    public func bootstrap(
        _ plan: BootstrapPlan, by deadline: BootInstant, spawned: @Sendable () async -> Void = {}
    ) async throws {
        if let running = adopt() { throw ServerError(.wrongState, "PostgreSQL runs (\(running)): no new cluster is made") }
        let directory = settings.dataDirectory
        guard try !files.exists(directory) || files.names(in: directory).isEmpty else {
            throw ServerError(.wrongState, "\(directory) is not empty: no new cluster is made in it")
        }
        do {
            try await fillDirectory(plan, by: deadline)
            try makeOwnFiles(plan)
            let rules = try openAccess(plan)
            try await startNew(plan, by: deadline, spawned: spawned)
            try await createRoles(by: deadline)
            try await closeAccess(rules, by: deadline)
            try await runPostBootstrap(plan, by: deadline)
            lastRunning = nil
        } catch {
            await setAside()
            throw error
        }
    }

    private func fillDirectory(_ plan: BootstrapPlan, by deadline: BootInstant) async throws {
        switch plan.method {
        case .initdb(let options): try await runInitdb(options, by: deadline)
        case .custom(let script):
            var words = script.command
            if script.passesParameters { words += ["--scope=\(plan.scope)", "--datadir=\(settings.dataDirectory)"] }
            log.info("bootstrap by a program of the operator's", metadata: ["program": "\(words[0])"])
            let output = try await runner.run(words[0], Array(words.dropFirst()), by: deadline)
            guard output.isSuccess else {
                throw ServerError(.programFailed, "the bootstrap program \(words[0]) ended with \(output.ending): \(output.tail)")
            }
        }
        guard files.exists("\(settings.dataDirectory)/PG_VERSION") else {
            throw ServerError(.programFailed, "\(settings.dataDirectory) holds no data directory after the bootstrap")
        }
    }

    private func runInitdb(_ options: [String], by deadline: BootInstant) async throws {
        var arguments = ["-D", settings.dataDirectory, "--username=\(settings.superuser.user)"]
        // In a file of ours for as long as initdb runs: everybody can read a command line.
        let passwordFile = "\(settings.stateDirectory)/\(settings.name).initdb"
        defer { unlink(passwordFile) }
        if let password = settings.superuser.password {
            try files.makeDirectory(settings.stateDirectory)
            try files.write(password + "\n", to: passwordFile)
            arguments.append("--pwfile=\(passwordFile)")
            // Without a word about it initdb lets everybody on the host in.
            if !options.contains(where: { $0.hasPrefix("--auth") || $0.hasPrefix("-A") }) {
                arguments.append("--auth=scram-sha-256")
            }
        }
        log.info("initdb", metadata: ["options": "\(options.joined(separator: " "))"])
        let output = try await runner.run(settings.program("initdb"), arguments + options, by: deadline)
        guard output.isSuccess else { throw ServerError(.programFailed, "initdb failed: \(output.tail)") }
    }

    /// Our include file is named in the new postgresql.conf, which nobody owned before.
    private func makeOwnFiles(_ plan: BootstrapPlan) throws {
        let directory = settings.dataDirectory
        try nameIncludeFile()
        if !plan.hba.isEmpty, wanted?.hba == nil {
            let hba = "\(directory)/pg_hba.conf"
            let lines = plan.hba.map { $0 + "\n" }.joined()
            try files.write(((try? readSmallText(hba)) ?? "") + "\n# bootstrap.pg_hba\n" + lines, to: hba)
        }
        for (lines, name) in [(wanted?.hba, "pg_hba.conf"), (wanted?.ident, "pg_ident.conf")] {
            guard let lines else { continue }
            try files.write(accessFileText(lines), to: "\(directory)/\(name)")
        }
    }

    /// The passwords of a restored cluster are those of its backup: until ours are set, the superuser is let in from
    /// this host without. Returns the rules that come back afterwards.
    private func openAccess(_ plan: BootstrapPlan) throws -> String? {
        guard case .custom = plan.method else { return nil }
        let hba = "\(settings.dataDirectory)/pg_hba.conf"
        let rules = try readSmallText(hba)
        let user = identifier(settings.superuser.user)
        try files.write(
            """
            local all \(user) trust
            host all \(user) 127.0.0.1/32 trust
            host all \(user) ::1/128 trust

            """, to: hba)
        return rules
    }

    private func closeAccess(_ rules: String?, by deadline: BootInstant) async throws {
        guard let rules else { return }
        try files.write(rules, to: "\(settings.dataDirectory)/pg_hba.conf")
        try await reload(by: deadline)
        connection = nil
    }

    /// Starts it as a primary; after a custom method its recovery ends by itself, in a promotion.
    private func startNew(
        _ plan: BootstrapPlan, by deadline: BootInstant, spawned: @Sendable () async -> Void
    ) async throws {
        let signal = "\(settings.dataDirectory)/recovery.signal"
        var recovery: [String: String]?
        if case .custom(let script) = plan.method, !script.keepsRecovery {
            try files.remove(signal)
            recovery = script.recovery
        }
        let normal = wanted
        if let recovery {
            var during = wanted ?? ServerConfiguration(scope: plan.scope)
            during.recovery.merge(["recovery_target_action": "promote", "recovery_target_timeline": "latest"]) { $1 }
            during.recovery.merge(recovery) { $1 }
            wanted = during
            try files.write("", to: signal)
        }
        defer { wanted = normal }
        try await start(.primary, by: deadline, spawned: spawned)
        while try await isInRecovery(by: deadline) {
            // Its end has no event; minutes pass here for a backup's log.
            try await clock.sleep(until: min(deadline, clock.now + .milliseconds(100)), tolerance: nil)
            guard clock.now < deadline else {
                throw ServerError(.deadline, "the recovery of the new cluster has not come to its end in time")
            }
        }
        guard recovery != nil else { return }
        wanted = normal
        try rewriteInclude { _ in }
        try await reload(by: deadline)
    }

    private func runPostBootstrap(_ plan: BootstrapPlan, by deadline: BootInstant) async throws {
        guard let words = plan.postBootstrap, !words.isEmpty else { return }
        let passFile = "\(settings.stateDirectory)/\(settings.name).bootstrap-pass"
        defer { unlink(passFile) }
        var environment = ["PGOPTIONS": "-c synchronous_commit=local -c statement_timeout=0"]
        if let password = settings.superuser.password {
            try files.makeDirectory(settings.stateDirectory)
            try files.write(passFileLine(settings.superuser.user, password), to: passFile)
            environment["PGPASSFILE"] = passFile
        }
        let target = ConnectionString([
            ("host", settings.host), ("port", String(settings.port)), ("dbname", settings.database),
            ("user", settings.superuser.user),
        ])
        let output = try await runner.run(
            words[0], Array(words.dropFirst()) + [target.description], environment: environment, by: deadline)
        guard output.isSuccess else {
            throw ServerError(.programFailed, "post_bootstrap ended with \(output.ending): \(output.tail)")
        }
    }

    /// After a failure: nothing runs, and nothing stands where the next try begins. Nothing is deleted either.
    private func setAside() async {
        do {
            try await stop(.immediate, by: clock.now + .seconds(10))
            guard files.exists(settings.dataDirectory), try !files.names(in: settings.dataDirectory).isEmpty else { return }
            let aside = "\(settings.dataDirectory).pgadopt-failed-\(settings.timestamp())"
            try files.move(settings.dataDirectory, to: aside)
            log.error("the bootstrap failed; what it made lies in \(aside)")
        } catch {
            log.error("the bootstrap failed, and its remains cannot be moved aside: \(error)")
        }
    }
}
