import Crypto
import CryptoExtras
import FoundationEssentials

/// A private key file, looked at closely enough to decide who can sign with it.
enum PrivateKeyFile {
    /// RSA, which libssh2 1.10 can only sign with SHA-1: signed here.
    case rsa(RSASigner)
    /// Everything else goes to libssh2 as it is, with a passphrase when encrypted.
    case other(encrypted: Bool)
    /// An RSA key whose passphrase is needed to read it in a format that only OpenSSH's tools read.
    case encryptedRSA

    struct Failure: Error, Sendable { var text: String }

    init(_ contents: [UInt8]) throws {
        let text = String(decoding: contents, as: UTF8.self)
        if text.contains("BEGIN OPENSSH PRIVATE KEY") {
            self = try Self.openSSH(text)
        } else if text.contains("BEGIN RSA PRIVATE KEY") {
            self = text.contains("ENCRYPTED") ? .encryptedRSA : .rsa(try RSASigner(pem: text))
        } else if text.contains("BEGIN ENCRYPTED PRIVATE KEY") {
            self = .other(encrypted: true)
        } else if text.contains("BEGIN PRIVATE KEY") {
            if let signer = try? RSASigner(pem: text) { self = .rsa(signer) } else { self = .other(encrypted: false) }
        } else if text.contains("PRIVATE KEY") {
            self = .other(encrypted: text.contains("ENCRYPTED"))
        } else {
            throw Failure(text: "it is not a private key in OpenSSH or PEM format")
        }
    }

    /// OpenSSH's PROTOCOL.key: magic, cipher, kdf, options, count, public key, private part.
    private static func openSSH(_ text: String) throws -> PrivateKeyFile {
        let malformed = Failure(text: "the OpenSSH key file is malformed")
        let body = text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("-----") }.joined()
        guard let data = Data(base64Encoded: body.filter { !$0.isWhitespace }) else { throw malformed }
        var reader = WireReader(Array(data))
        let magic = Array("openssh-key-v1\0".utf8)
        guard reader.raw(magic.count) == magic, let cipher = reader.text(), reader.text() != nil,
            reader.string() != nil, reader.uint32() == 1, let blob = reader.string(), let secret = reader.string()
        else { throw malformed }
        let encrypted = cipher != "none"
        guard blob.keyType == "ssh-rsa" else { return .other(encrypted: encrypted) }
        if encrypted { return .encryptedRSA }
        var part = WireReader(secret)
        guard part.uint32() == part.uint32(), part.text() == "ssh-rsa", let n = part.string(), let e = part.string(),
            let d = part.string(), part.string() != nil, let p = part.string(), let q = part.string()
        else { throw malformed }
        return .rsa(try RSASigner(n: n, e: e, d: d, p: p, q: q))
    }
}

/// Signs with an RSA key as `rsa-sha2-512` (RFC 8332), which sshd from 8.8 on requires.
struct RSASigner: Sendable {
    /// The public key as `ssh-rsa` wire format.
    let blob: [UInt8]
    private let key: _RSA.Signing.PrivateKey

    init(n: [UInt8], e: [UInt8], d: [UInt8], p: [UInt8], q: [UInt8]) throws {
        key = try _RSA.Signing.PrivateKey(n: n, e: e, d: d, p: p, q: q)
        blob = Self.blob(n: n, e: e)
    }

    init(pem: String) throws {
        key = try _RSA.Signing.PrivateKey(pemRepresentation: pem)
        let primitives = try key.publicKey.getKeyPrimitives()
        blob = Self.blob(n: Array(primitives.modulus), e: Array(primitives.publicExponent))
    }

    func sign(_ data: [UInt8]) throws -> [UInt8] {
        Array(try key.signature(for: SHA512.hash(data: data), padding: .insecurePKCS1v1_5).rawRepresentation)
    }

    private static func blob(n: [UInt8], e: [UInt8]) -> [UInt8] {
        var blob: [UInt8] = []
        blob.appendWireString("ssh-rsa".utf8)
        for number in [e, n] {
            // mpint: no leading zeros but the one that keeps it positive (RFC 4251 section 5).
            var bytes = Array(number.drop { $0 == 0 })
            if let first = bytes.first, first >= 0x80 { bytes.insert(0, at: 0) }
            blob.appendWireString(bytes)
        }
        return blob
    }
}
