import Certificates
import Planning
import Shell

/// A member's certificate for the replication relay. The authority is made once, by the first member's step, and its
/// key stays on that host, readable by root alone: neither the agent nor PostgreSQL can sign. Keys travel on standard
/// input and output only and are in no plan, journal or message.
struct RelayCertificateFiles {
    var change: RelayCertificates
    var osUser: String

    /// Twenty years: its end cannot be moved without touching every member at once.
    static let authorityDays = 7300
    /// The relay lasts until the next planned restart; a plan renews what ends within ``relayRenewalDays``.
    static let days = 1095

    func make(_ context: StepContext) async throws {
        let authority = try await authority(context)
        let present = try await presentPair(context)
        let now = try now(context)
        if let present, try isFresh(present, authority, now) { return }
        let isServer = !change.names.isEmpty
        // Before version 15 libpq compares addresses with the common name only.
        let name = isServer ? String(change.names[0].prefix(64)) : context.host
        do {
            let pair = try authority.issue(
                name: name, hosts: change.names, isServer ? .member : .client, now: now, days: Self.days)
            try await write(change.authority, authority.pair.certificatePEM, osUser, context)
            // The key first: a certificate is there only with its key.
            try await write(change.key, pair.keyPEM, osUser, context)
            try await write(change.certificate, pair.certificatePEM, osUser, context)
        } catch let error as CertificateError {
            throw ExecutionError(.commandFailed, host: context.host, "\(error)")
        }
    }

    private func now(_ context: StepContext) throws -> Int64 {
        guard let time = UTCTime(context.environment.timestamp()) else {
            throw ExecutionError(.localFile, "the clock of this machine cannot be read")
        }
        return time.seconds
    }

    private func isFresh(_ pair: KeyPair, _ authority: CertificateAuthority, _ now: Int64) throws -> Bool {
        guard let content = try? CertificateContent(pem: pair.certificatePEM) else { return false }
        return authority.signed(content) && content.belongs(to: pair.keyPEM) && content.covers(change.names)
            && content.end >= now + Int64(relayRenewalDays) * 86_400
    }

    /// What is there on the member; nil: not both of it.
    private func presentPair(_ context: StepContext) async throws -> KeyPair? {
        guard let certificate = try await text(change.certificate, on: context.host, context),
            let key = try await text(change.key, on: context.host, context),
            try await text(change.authority, on: context.host, context) != nil
        else { return nil }
        return KeyPair(certificatePEM: certificate, keyPEM: key)
    }

    // MARK: The authority

    private var authorityCertificate: String { "\(change.authorityDirectory)/ca.pem" }
    private var authorityKey: String { "\(change.authorityDirectory)/ca.key" }

    private func authority(_ context: StepContext) async throws -> CertificateAuthority {
        let host = change.authorityHost
        if let certificate = try await text(authorityCertificate, on: host, context),
            let key = try await text(authorityKey, on: host, context)
        {
            do {
                return try CertificateAuthority(KeyPair(certificatePEM: certificate, keyPEM: key))
            } catch {
                throw ExecutionError(
                    .conflict, host: host, "\(change.authorityDirectory): \(error)",
                    remedy: "Remove the directory: the next run makes another authority and new certificates.")
            }
        }
        guard host == context.host else {
            throw ExecutionError(
                .conflict, host: host, "the authority of the replication relay, \(authorityCertificate), is not there",
                remedy: "Run the same command again: the primary's step makes it.")
        }
        return try await makeAuthority(context)
    }

    private func makeAuthority(_ context: StepContext) async throws -> CertificateAuthority {
        try await context.willMake("directory", change.authorityDirectory)
        try await context.run(
            "making \(change.authorityDirectory)",
            StepContext.fileFunctions + "directory \(quoted(change.authorityDirectory)) root 0700")
        do {
            let authority = try CertificateAuthority.make(
                name: "pgadopt relay of \(context.plan.cluster)", now: now(context), days: Self.authorityDays)
            let pair = try authority.pair
            try await write(authorityKey, pair.keyPEM, "root", context)
            try await write(authorityCertificate, pair.certificatePEM, "root", context)
            return authority
        } catch let error as CertificateError {
            throw ExecutionError(.commandFailed, host: context.host, "\(error)")
        }
    }

    func undo(_ context: StepContext) async throws {
        guard change.authorityHost == context.host else { return }
        try await context.run(
            "removing \(change.authorityDirectory)", "rm -rf -- \(quoted(change.authorityDirectory))")
    }

    // MARK: Files

    private func text(_ path: String, on host: String, _ context: StepContext) async throws -> String? {
        let result = try await context.tryRun(
            on: host, "p=\(quoted(path)); [ -e \"$p\" ] || exit 9; cat -- \"$p\"")
        if result.status == 9 { return nil }
        guard result.succeeded else {
            throw ExecutionError(.commandFailed, host: host, "\(path) cannot be read\(result.words)")
        }
        return result.output
    }

    private func write(_ path: String, _ text: String, _ owner: String, _ context: StepContext) async throws {
        try await context.run(
            "writing \(path)", StepContext.fileFunctions + "put \(quoted(path)) \(quoted(owner)) 0600",
            standardInput: Array(text.utf8))
    }
}
