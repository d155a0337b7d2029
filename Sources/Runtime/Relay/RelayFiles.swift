import Glibc
import NIOSSL

/// The contents of a relay's certificate, key and authority, read at one moment. Compared by content, so that renewed
/// files under the same names are noticed.
struct RelayFiles: Equatable, Sendable {
    private let certificate: [UInt8]
    private let key: [UInt8]
    private let authority: [UInt8]

    init(reading settings: RelaySettings) throws(RelayError) {
        certificate = try Self.read(settings.certificateFile)
        key = try Self.read(settings.keyFile)
        authority = try Self.read(settings.authorityFile)
    }

    /// Seconds since 1970 of the certificate's end; 0 when it cannot be read.
    var certificateEnd: Int64 {
        (try? NIOSSLCertificate.fromPEMBytes(certificate))?.first.map { Int64($0.notValidAfter) } ?? 0
    }

    /// TLS 1.2 at least; a client without a certificate of the authority gets no further than the handshake.
    func context(_ settings: RelaySettings) throws(RelayError) -> NIOSSLContext {
        let chain = try Self.pem(settings.certificateFile) { try NIOSSLCertificate.fromPEMBytes(certificate) }
        let roots = try Self.pem(settings.authorityFile) { try NIOSSLCertificate.fromPEMBytes(authority) }
        let keys = try Self.pem(settings.keyFile) { [try NIOSSLPrivateKey(bytes: key, format: .pem)] }
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(keys[0]))
        tls.certificateVerification = .noHostnameVerification
        tls.trustRoots = .certificates(roots)
        tls.minimumTLSVersion = .tlsv12
        do {
            return try NIOSSLContext(configuration: tls)
        } catch {
            throw RelayError(
                .files, "\(settings.certificateFile) and \(settings.keyFile) cannot be used together (\(error))")
        }
    }

    private static func pem<Part>(_ path: String, _ read: () throws -> [Part]) throws(RelayError) -> [Part] {
        let parts = (try? read()) ?? []
        guard !parts.isEmpty else { throw RelayError(.files, "\(path) holds nothing in PEM form that can be used") }
        return parts
    }

    private static func read(_ path: String) throws(RelayError) -> [UInt8] {
        guard let file = fopen(path, "re") else {
            throw RelayError(.files, "\(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { fclose(file) }
        // Certificates are kilobytes; a device or a log is not one.
        var bytes = [UInt8](repeating: 0, count: 65_537)
        let count = fread(&bytes, 1, bytes.count, file)
        guard count < bytes.count else { throw RelayError(.files, "\(path) is larger than 64 KiB: not a PEM file") }
        return Array(bytes.prefix(count))
    }
}
