import FoundationEssentials
import X509

/// What a certificate says.
public struct CertificateContent: Sendable {
    let certificate: Certificate

    /// - Throws: ``CertificateError``.
    public init(pem: String) throws {
        do {
            certificate = try Certificate(pemEncoded: pem)
        } catch {
            throw CertificateError("this is no certificate in PEM form")
        }
    }

    /// Seconds since 1970 of its end.
    public var end: Int64 { Int64(certificate.notValidAfter.timeIntervalSince1970) }

    /// True: this key, in PEM form, is that of the certificate.
    public func belongs(to keyPEM: String) -> Bool {
        (try? Certificate.PrivateKey(pemEncoded: keyPEM))?.publicKey == certificate.publicKey
    }

    /// True: it is valid for each of these names and addresses.
    public func covers(_ hosts: [String]) -> Bool {
        let names = (try? certificate.extensions.subjectAlternativeNames) ?? nil
        return hosts.allSatisfy { host in
            names?.contains { name in
                switch name {
                case .dnsName(let text): text == host
                case .ipAddress(let bytes): addressBytes(host) == Array(bytes.bytes)
                default: false
                }
            } == true
        }
    }
}
