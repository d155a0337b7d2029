import Glibc
import NIOSSL

/// Why the API cannot protect its connections.
public struct APIServerError: Error, Equatable, CustomStringConvertible {
    public enum Code: Equatable, Sendable { case unreadable, badCertificate, badKey, badAuthorities, unusable }
    public var code: Code
    /// Names files, never what is in them.
    public var message: String
    public var description: String { message }
}

/// The contents of the files of a TLS configuration, read at one moment. Compared by content, so that a reload
/// notices a renewed certificate under the same name.
struct TLSFiles: Equatable, Sendable {
    private let names: APISecurity.TLS
    private let certificate: [UInt8]
    private let key: [UInt8]
    private let authorities: [UInt8]?

    init(reading names: APISecurity.TLS) throws(APIServerError) {
        self.names = names
        certificate = try Self.read(names.certificateFile)
        key = if let keyFile = names.keyFile { try Self.read(keyFile) } else { certificate }
        authorities = if let file = names.authorityFile { try Self.read(file) } else { nil }
    }

    /// - Throws: when the files do not fit together or the ciphers are unknown.
    func serverContext() throws(APIServerError) -> NIOSSLContext {
        var settings = TLSConfiguration.makeServerConfiguration(
            certificateChain: try chain(), privateKey: .privateKey(try privateKey()))
        settings.certificateVerification =
            switch names.clientVerification {
            case .none: .none
            case .optional: .optionalVerification
            case .required: .noHostnameVerification
            }
        return try context(settings, use: "the API's certificate")
    }

    func chain() throws(APIServerError) -> [NIOSSLCertificateSource] {
        do {
            let chain = try NIOSSLCertificate.fromPEMBytes(certificate)
            guard !chain.isEmpty else { throw NIOSSLError.failedToLoadCertificate }
            return chain.map { .certificate($0) }
        } catch {
            throw APIServerError(
                code: .badCertificate, message: "\(names.certificateFile): no certificate in PEM form")
        }
    }

    func privateKey() throws(APIServerError) -> NIOSSLPrivateKey {
        let file = names.keyFile ?? names.certificateFile
        do {
            guard let password = names.keyPassword else { return try NIOSSLPrivateKey(bytes: key, format: .pem) }
            return try NIOSSLPrivateKey(bytes: key, format: .pem) { set in set(Array(password.text.utf8)) }
        } catch {
            let hint = names.keyPassword == nil ? "" : " that its password opens"
            throw APIServerError(code: .badKey, message: "\(file): no private key in PEM form\(hint)")
        }
    }

    private func context(_ given: TLSConfiguration, use: String) throws(APIServerError) -> NIOSSLContext {
        var settings = given
        settings.minimumTLSVersion = .tlsv12
        if let ciphers = names.ciphers { settings.cipherSuites = ciphers }
        if let authorities, let file = names.authorityFile {
            do {
                settings.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(authorities))
            } catch {
                throw APIServerError(code: .badAuthorities, message: "\(file): no certificates in PEM form")
            }
        }
        do {
            return try NIOSSLContext(configuration: settings)
        } catch {
            throw APIServerError(
                code: .unusable, message: "\(use) (\(names.certificateFile)) cannot be used: key and certificate do "
                    + "not belong together, or no cipher is left (\(error))")
        }
    }

    static func read(_ path: String) throws(APIServerError) -> [UInt8] {
        guard let file = fopen(path, "re") else {
            let reason = String(cString: strerror(errno))
            throw APIServerError(code: .unreadable, message: "\(path) cannot be read: \(reason)")
        }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let count = fread(&part, 1, part.count, file)
            guard count > 0 else { break }
            bytes += part.prefix(count)
            // Certificates are kilobytes; a device or a log file is not one.
            guard bytes.count <= 1 << 20 else {
                throw APIServerError(code: .unreadable, message: "\(path) is larger than 1 MiB: not a PEM file")
            }
        }
        return bytes
    }
}
