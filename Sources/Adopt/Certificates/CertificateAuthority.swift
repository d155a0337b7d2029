import Crypto
import FoundationEssentials
import SwiftASN1
import X509

/// A certificate with its private key, in PEM form. Printing it shows neither.
public struct KeyPair: Sendable, CustomStringConvertible, CustomReflectable {
    public var certificatePEM: String
    public var keyPEM: String

    public init(certificatePEM: String, keyPEM: String) {
        self.certificatePEM = certificatePEM
        self.keyPEM = keyPEM
    }

    public var description: String { "a certificate and its key" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// The authority of one managed store: it signs the certificates of etcd's members and of those who talk to them.
///
/// ECDSA on P-256: every etcd since 3.0 and every OpenSSL since 1.0.2 speaks it.
public struct CertificateAuthority: Sendable {
    /// What a certificate may be used for.
    public enum Usage: Sendable {
        /// Both ends: an etcd member dials its peers, and its own gateway, with the certificate that it listens with.
        case member
        case client
    }

    private let certificate: Certificate
    private let key: Certificate.PrivateKey
    private let keyPEM: String

    /// - Parameters:
    ///   - now: seconds since 1970.
    ///   - days: how long it is valid.
    /// - Throws: ``CertificateError``.
    public static func make(name: String, now: Int64, days: Int) throws -> CertificateAuthority {
        try wrapping("the authority") {
            let key = P256.Signing.PrivateKey()
            let signer = Certificate.PrivateKey(key)
            let subject = try DistinguishedName { CommonName(name) }
            let certificate = try Certificate(
                version: .v3, serialNumber: .init(), publicKey: signer.publicKey,
                notValidBefore: begin(now), notValidAfter: end(now, days), issuer: subject, subject: subject,
                signatureAlgorithm: .ecdsaWithSHA256,
                extensions: try Certificate.Extensions {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                    Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                    SubjectKeyIdentifier(hash: signer.publicKey)
                },
                issuerPrivateKey: signer)
            return CertificateAuthority(certificate: certificate, key: signer, keyPEM: key.pemRepresentation)
        }
    }

    private init(certificate: Certificate, key: Certificate.PrivateKey, keyPEM: String) {
        self.certificate = certificate
        self.key = key
        self.keyPEM = keyPEM
    }

    /// An authority that was made before.
    public init(_ pair: KeyPair) throws {
        self = try Self.wrapping("the authority") {
            let certificate = try Certificate(pemEncoded: pair.certificatePEM)
            let key = try Certificate.PrivateKey(pemEncoded: pair.keyPEM)
            guard key.publicKey == certificate.publicKey else {
                throw CertificateError("the authority's key is not the key of its certificate")
            }
            return CertificateAuthority(certificate: certificate, key: key, keyPEM: pair.keyPEM)
        }
    }

    public var pair: KeyPair {
        get throws {
            try Self.wrapping("the authority") {
                KeyPair(certificatePEM: try certificate.serializeAsPEM().pemString + "\n", keyPEM: keyPEM + "\n")
            }
        }
    }

    /// A new key with its certificate. It ends no later than the authority.
    /// - Parameter hosts: names and addresses it is valid for. A client needs none: etcd compares those of a client
    ///   with where the connection comes from (etcd, pkg/transport, checkCertSAN).
    public func issue(name: String, hosts: [String], _ usage: Usage, now: Int64, days: Int) throws -> KeyPair {
        try Self.wrapping("the certificate of \(name)") {
            let own = P256.Signing.PrivateKey()
            let names = hosts.map { host in
                addressBytes(host).map { GeneralName.ipAddress(ASN1OctetString(contentBytes: $0[...])) }
                    ?? .dnsName(host)
            }
            let issued = try Certificate(
                version: .v3, serialNumber: .init(), publicKey: .init(own.publicKey),
                notValidBefore: Self.begin(now),
                notValidAfter: min(Self.end(now, days), certificate.notValidAfter),
                issuer: certificate.subject, subject: try DistinguishedName { CommonName(name) },
                signatureAlgorithm: .ecdsaWithSHA256,
                extensions: try Certificate.Extensions {
                    Critical(BasicConstraints.notCertificateAuthority)
                    Critical(KeyUsage(digitalSignature: true))
                    try ExtendedKeyUsage(usage == .member ? [.serverAuth, .clientAuth] : [.clientAuth])
                    AuthorityKeyIdentifier(
                        keyIdentifier: SubjectKeyIdentifier(hash: certificate.publicKey).keyIdentifier)
                    if !names.isEmpty { SubjectAlternativeNames(names) }
                },
                issuerPrivateKey: key)
            return KeyPair(
                certificatePEM: try issued.serializeAsPEM().pemString + "\n", keyPEM: own.pemRepresentation + "\n")
        }
    }

    /// True: this authority signed it.
    public func signed(_ inspected: CertificateContent) -> Bool {
        certificate.publicKey.isValidSignature(inspected.certificate.signature, for: inspected.certificate)
    }

    /// An hour ago: the clocks of the hosts differ.
    private static func begin(_ now: Int64) -> Date { Date(timeIntervalSince1970: Double(now - 3600)) }

    private static func end(_ now: Int64, _ days: Int) -> Date {
        Date(timeIntervalSince1970: Double(now + Int64(days) * 86400))
    }

    private static func wrapping<Result>(_ what: String, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as CertificateError {
            throw error
        } catch {
            throw CertificateError("\(what) cannot be made or read: \(error)")
        }
    }
}

/// What went wrong with a certificate; never a key's content.
public struct CertificateError: Error, Equatable, Sendable, CustomStringConvertible {
    public var description: String
    init(_ description: String) { self.description = description }
}
