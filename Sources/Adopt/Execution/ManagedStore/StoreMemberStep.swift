import Certificates
import Planning
import Shell

/// One member of the managed store: program, certificate, configuration, unit, start. It does not wait for the member
/// to serve: that takes a second one.
struct StoreMemberStep: Step {
    var change: StoreMemberChange

    private func certificates(_ context: StepContext) -> StoreCertificates {
        StoreCertificates(directory: change.authorityDirectory, environment: context.environment)
    }

    func isDone(_ context: StepContext) async throws -> Bool {
        guard try await context.isWritten(change.configuration), try await context.isWritten(change.unitFile),
            try await hasCertificate(context)
        else { return false }
        return try await context.tryRun(
            "systemctl is-enabled --quiet \(quoted(change.unit)) && systemctl is-active --quiet \(quoted(change.unit))"
        ).succeeded
    }

    func apply(_ context: StepContext) async throws {
        try await refuseTakenPorts(context)
        if let package = change.package { try await install(package, context) }
        try await prepare(context)
        if try await !hasCertificate(context) { try await writeCertificate(context) }
        let isNew = try await !context.isWritten(change.configuration)
        for file in [change.configuration, change.unitFile] {
            if try await context.isWritten(file) { continue }
            try await context.willMake("file", file.path)
            try await context.write(file)
        }
        try await context.willMake("unit", change.unit)
        try await context.run(
            "starting \(change.unit)",
            "systemctl daemon-reload && systemctl enable --quiet \(quoted(change.unit)) && "
                + "systemctl \(isNew ? "restart" : "start") --no-block \(quoted(change.unit))",
            deadline: .seconds(60))
    }

    /// Whoever listens there now is not ours, and is left alone.
    private func refuseTakenPorts(_ context: StepContext) async throws {
        let ports = change.ports.map { port in
            let digits = String(port, radix: 16, uppercase: true)
            return String(repeating: "0", count: 4 - digits.count) + digits
        }
        let result = try await context.run(
            "looking at the ports",
            """
            # Ours listens before it is ready: a majority has to come up first.
            case "$(systemctl show -p ActiveState --value -- \(quoted(change.unit)))" in
                active|activating|reloading) exit 0 ;;
            esac
            awk '$4 == "0A" { n = split($2, a, ":"); print a[n] }' /proc/net/tcp /proc/net/tcp6 2>/dev/null |
                grep -xE \(quoted(ports.joined(separator: "|"))) | sort -u || :
            """)
        let taken = result.split(separator: "\n").compactMap { Int($0, radix: 16) }
        guard taken.isEmpty else {
            throw ExecutionError(
                .conflict, host: context.host,
                "somebody listens on port \(taken.map(String.init).joined(separator: " and "))",
                remedy: "Nothing was started. Choose other ports with store.managed.client_port and peer_port, "
                    + "or name that etcd with store.endpoints, and make a new plan.")
        }
    }

    // MARK: The program

    /// The package's own service is masked before it is installed, so that it never starts: not now, not at boot and
    /// not at an upgrade. needrestart, where it is installed, would restart services that use a library that changed.
    private func install(_ package: StoreMemberChange.Package, _ context: StepContext) async throws {
        if try await context.tryRun("test -x \(quoted(change.program))").succeeded { return }
        let mask = "/etc/systemd/system/\(package.unit)"
        if try await context.tryRun("test -e \(quoted(mask)) || test -L \(quoted(mask))").succeeded == false {
            try await context.willMake("mask", mask)
            try await context.run(
                "masking \(package.unit)", "ln -s /dev/null \(quoted(mask)) && systemctl daemon-reload")
        }
        if try await context.tryRun("id -u \(quoted(change.osUser)) >/dev/null 2>&1").succeeded == false {
            try await context.willMake("user", change.osUser)
        }
        for name in try await newPackages(package, context) { try await context.willMake("package", name) }
        let command = package.manager == "apt-get"
            ? "\(Self.apt) -y --no-upgrade --no-remove --no-install-recommends -o DPkg::Lock::Timeout=60 install"
            : "\(quoted(package.manager)) -y install"
        try await context.run(
            "installing \(package.name)", "\(command) \(quoted(package.name)) </dev/null",
            deadline: .seconds(600))
    }

    private static let apt =
        "DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 NEEDRESTART_MODE=l APT_LISTCHANGES_FRONTEND=none apt-get"

    /// What the installation brings. Refused where it would upgrade or remove something: a new library under a running
    /// server is the owner's decision.
    private func newPackages(_ package: StoreMemberChange.Package, _ context: StepContext) async throws -> [String] {
        guard package.manager == "apt-get" else { return [package.name] }
        let output = try await context.run(
            "asking what installing \(package.name) brings",
            "\(Self.apt) -s --no-install-recommends install \(quoted(package.name)) </dev/null",
            deadline: .seconds(120))
        // Inst NAME [OLD] (NEW ...): with an old version it is an upgrade.
        let lines = output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        let touched = lines.filter { words in
            words.first == "Remv" || words.first == "Inst" && words.count > 2 && words[2].hasPrefix("[")
        }
        guard touched.isEmpty else {
            let names = touched.compactMap { $0.dropFirst().first }.joined(separator: ", ")
            throw ExecutionError(
                .conflict, host: context.host, "installing \(package.name) would upgrade or remove \(names)",
                remedy: "Nothing was installed. Install \(package.name) at a moment of your choice, "
                    + "then run the same command again.")
        }
        return lines.filter { $0.first == "Inst" && $0.count > 1 }.map { $0[1] }
    }

    // MARK: Its files

    private func prepare(_ context: StepContext) async throws {
        try await context.run(
            "looking at \(change.program)",
            "test -x \(quoted(change.program)) || { echo 'it is not there' >&2; exit 1; }")
        if try await context.tryRun("id -u \(quoted(change.osUser)) >/dev/null 2>&1").succeeded == false {
            try await context.willMake("user", change.osUser)
            try await context.run(
                "making the user \(change.osUser)",
                "useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "
                    + quoted(change.osUser))
        }
        try await context.willMake("directory", change.directory)
        let user = quoted(change.osUser)
        try await context.run(
            "making \(change.directory)",
            StepContext.fileFunctions + """
                (umask 022; mkdir -p "$(dirname \(quoted(change.directory)))")
                directory \(quoted(change.directory)) \(user) 0700
                directory \(quoted(change.directory + "/tls")) \(user) 0700
                directory \(quoted(change.directory + "/data")) \(user) 0700
                """)
    }

    private func hasCertificate(_ context: StepContext) async throws -> Bool {
        let certificates = certificates(context)
        guard let authority = try certificates.authority(),
            let kept = try? await context.read(change.certificate),
            let root = try? await context.read(change.authority),
            String(decoding: root, as: UTF8.self) == (try authority.pair.certificatePEM),
            try await context.tryRun("test -s \(quoted(change.key))").succeeded
        else { return false }
        return try certificates.isFresh(String(decoding: kept, as: UTF8.self), authority, names: change.names)
    }

    /// One write for key and certificate: etcd reads both again for each connection, and they must fit.
    private func writeCertificate(_ context: StepContext) async throws {
        let certificates = certificates(context)
        let authority = try certificates.existingAuthority()
        let pair = try authority.issue(
            name: change.member, hosts: change.names, .member, now: certificates.now, days: StoreCertificates.days)
        let text = [pair.keyPEM, pair.certificatePEM, try authority.pair.certificatePEM].joined(separator: Self.mark)
        let user = quoted(change.osUser)
        try await context.run(
            "writing the member's certificate",
            StepContext.fileFunctions + """
                t=\(quoted(change.directory + "/tls/new"))
                rm -rf -- "$t"; mkdir -- "$t"
                trap 'rm -rf -- "$t"' EXIT
                awk -v d="$t" 'BEGIN { n = 1 } /^-----NEXT-----$/ { n++; next } { print > (d "/" n) }'
                for f in 1 2 3; do test -s "$t/$f"; chown \(user):"$(id -gn \(user))" "$t/$f"; chmod 0600 "$t/$f"; done
                flush "$t"
                mv -f -- "$t/3" \(quoted(change.authority))
                mv -f -- "$t/1" \(quoted(change.key)); mv -f -- "$t/2" \(quoted(change.certificate))
                """,
            standardInput: Array(text.utf8))
    }

    private static let mark = "-----NEXT-----\n"

    // MARK: Taking it back

    func undo(_ context: StepContext) async throws {
        if await context.made("unit").contains(change.unit) {
            try await context.run(
                "stopping \(change.unit)", "systemctl disable --now \(quoted(change.unit)) 2>/dev/null || :",
                deadline: .seconds(120))
        }
        // The unit's file, the program and its user are shared by the stores of a host: the last one takes them away.
        let shared = """
            for f in /etc/systemd/system/multi-user.target.wants/pgadopt-etcd@*; do
                if [ -L "$f" ]; then echo used; exit 0; fi
            done
            """
        let isUsed = try await context.run("looking for other stores", shared).hasPrefix("used")
        if await context.made("directory").contains(change.directory) {
            try await context.run("removing \(change.directory)", "rm -rf -- \(quoted(change.directory))")
        }
        if !isUsed { try await removeProgram(context) }
        try await context.run("reloading systemd", "systemctl daemon-reload", deadline: .seconds(60))
    }

    private func removeProgram(_ context: StepContext) async throws {
        if await context.made("file").contains(change.unitFile.path) { try await context.remove(change.unitFile.path) }
        let packages = await context.made("package")
        if !packages.isEmpty, let package = change.package {
            let names = packages.map(quoted).joined(separator: " ")
            try await context.run(
                "removing \(package.name)",
                package.manager == "apt-get"
                    ? """
                        set --
                        for p in \(names); do
                            case "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" in
                                ''|not-installed) ;; *) set -- "$@" "$p" ;;
                            esac
                        done
                        if [ $# -gt 0 ]; then \(Self.apt) -y -o DPkg::Lock::Timeout=60 purge "$@" </dev/null; fi
                        """
                    : """
                        if rpm -q \(names) >/dev/null 2>&1; then
                            \(quoted(package.manager)) -y remove \(names) </dev/null
                        fi
                        """,
                deadline: .seconds(600))
        }
        for path in await context.made("mask") {
            try await context.run(
                "unmasking the package's service",
                "if [ \"$(readlink \(quoted(path)))\" = /dev/null ]; then rm -f -- \(quoted(path)); fi")
        }
        for user in await context.made("user") {
            try await context.run(
                "removing the user \(user)",
                "if id -u \(quoted(user)) >/dev/null 2>&1; then userdel \(quoted(user)); fi")
        }
    }
}
