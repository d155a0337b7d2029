import Crypto
import FoundationEssentials

/// A SCRAM-SHA-256 verifier in the form of pg_authid.rolpassword: `SCRAM-SHA-256$ITERATIONS:SALT$STORED:SERVER`
/// (PostgreSQL documentation, "pg_authid"; RFC 5803). Made here, so that no password is ever in a statement.
struct ScramVerifier: Equatable, Sendable {
    var iterations: Int
    var salt: [UInt8]
    var storedKey: [UInt8]
    var serverKey: [UInt8]

    /// - Parameter password: ASCII; SASLprep leaves that as it is.
    init(password: String, salt: [UInt8], iterations: Int = 4096) {
        self.iterations = iterations
        self.salt = salt
        let salted = SymmetricKey(data: Self.saltedPassword(Array(password.utf8), salt, iterations))
        let clientKey = HMAC<SHA256>.authenticationCode(for: Array("Client Key".utf8), using: salted)
        storedKey = Array(SHA256.hash(data: Array(clientKey)))
        serverKey = Array(HMAC<SHA256>.authenticationCode(for: Array("Server Key".utf8), using: salted))
    }

    /// PBKDF2 with HMAC-SHA-256 and one block (RFC 5802, Hi()).
    private static func saltedPassword(_ password: [UInt8], _ salt: [UInt8], _ iterations: Int) -> [UInt8] {
        let key = SymmetricKey(data: password)
        var block = Array(HMAC<SHA256>.authenticationCode(for: salt + [0, 0, 0, 1], using: key))
        var result = block
        for _ in 1..<max(1, iterations) {
            block = Array(HMAC<SHA256>.authenticationCode(for: block, using: key))
            for index in result.indices { result[index] ^= block[index] }
        }
        return result
    }

    var text: String { "SCRAM-SHA-256$\(iterations):\(base64(salt))$\(base64(storedKey)):\(base64(serverKey))" }

    /// True: a stored verifier belongs to this password.
    static func matches(_ stored: String, password: String) -> Bool {
        let parts = stored.split(separator: "$")
        guard parts.count == 3, parts[0] == "SCRAM-SHA-256" else { return false }
        let head = parts[1].split(separator: ":")
        guard head.count == 2, let iterations = Int(head[0]), (1...1_000_000).contains(iterations),
            let salt = Data(base64Encoded: String(head[1]))
        else { return false }
        return ScramVerifier(password: password, salt: Array(salt), iterations: iterations).text == stored
    }

    private func base64(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }
}
