import Certificates
import Facts
import Planning

/// The authority of a managed store as it lies on the control host, and what it signs. Keys are read, made and handed
/// on as values; none is ever part of a command, a message or the journal.
struct StoreCertificates {
    /// On the control host.
    var directory: String
    var environment: ExecutionEnvironment

    /// Twenty years: its end cannot be moved without touching every member.
    static let authorityDays = 7300
    /// Renewed by a plan that is made within the last ``EtcdFacts/renewalDays``.
    static let days = 1095

    private var certificateFile: String { "\(directory)/ca.pem" }
    private var keyFile: String { "\(directory)/ca.key" }

    var now: Int64 {
        get throws {
            guard let time = UTCTime(environment.timestamp()) else {
                throw ExecutionError(.localFile, "the clock of this machine cannot be read")
            }
            return time.seconds
        }
    }

    /// Nil: there is none yet.
    func authority() throws -> CertificateAuthority? {
        guard let certificate = read(certificateFile) else { return nil }
        guard let key = read(keyFile) else {
            throw ExecutionError(
                .localFile, "\(certificateFile) is there, and its key \(keyFile) is not",
                remedy: "Bring the key back; without it no certificate of the store can be made or renewed.")
        }
        do {
            return try CertificateAuthority(KeyPair(certificatePEM: certificate, keyPEM: key))
        } catch {
            throw ExecutionError(.localFile, "\(directory): \(error)")
        }
    }

    func existingAuthority() throws -> CertificateAuthority {
        guard let authority = try authority() else {
            throw ExecutionError(
                .localFile, "the authority of the store, \(certificateFile), is not on this machine",
                remedy: "Bring its directory here from the machine that made it.")
        }
        return authority
    }

    /// The key first: a certificate is there only with its key.
    func makeAuthority(name: String) throws {
        let pair = try CertificateAuthority.make(name: name, now: now, days: Self.authorityDays).pair
        try environment.localFiles.write(keyFile, Array(pair.keyPEM.utf8))
        try environment.localFiles.write(certificateFile, Array(pair.certificatePEM.utf8))
    }

    /// True: the pair at these paths is the authority's, fits together and is good for long.
    func isFresh(_ path: (certificate: String, key: String)) throws -> Bool {
        guard let authority = try authority(), let certificate = read(path.certificate), let key = read(path.key)
        else { return false }
        return try isFresh(certificate, authority) && CertificateContent(pem: certificate).belongs(to: key)
    }

    /// True: signed by the authority, for these names, and good for long.
    func isFresh(_ certificate: String, _ authority: CertificateAuthority, names: [String] = []) throws -> Bool {
        guard let content = try? CertificateContent(pem: certificate), authority.signed(content) else { return false }
        let limit = try now + Int64(EtcdFacts.renewalDays) * 86_400
        return content.covers(names) && content.end >= limit
    }

    func makeClient(_ name: String, _ path: (certificate: String, key: String)) throws {
        let pair = try existingAuthority().issue(name: name, hosts: [], .client, now: now, days: Self.days)
        try environment.localFiles.write(path.key, Array(pair.keyPEM.utf8))
        try environment.localFiles.write(path.certificate, Array(pair.certificatePEM.utf8))
    }

    // Swift 6.3 inlines it into `authority()` and then leaves the error of a missing file, already released, as thrown:
    // the optimised program ends at once. Seen on hosts without a store; a debug build is right.
    @inline(never)
    private func read(_ path: String) -> String? {
        (try? environment.readFile(path)).map { String(decoding: $0, as: UTF8.self) }
    }
}
