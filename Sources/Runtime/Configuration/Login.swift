/// A user with a password and, for PostgreSQL's users, how its connections are secured.
public struct Login: Hashable, Sendable {
    public var username: String
    public var password: Credential?
    /// libpq's keywords of this user's connections; empty for the store and the REST API.
    public var security = ConnectionSecurity()

    public init(username: String, password: Credential? = nil) {
        self.username = username
        self.password = password
    }
}

/// libpq's connection keywords that a login may set (PostgreSQL documentation, "Parameter Key Words"). Nil: not
/// said, libpq's default holds.
public struct ConnectionSecurity: Hashable, Sendable {
    public enum Mode: String, CaseIterable, Hashable, Sendable {
        case disable, allow, prefer, require
        case verifyCA = "verify-ca"
        case verifyFull = "verify-full"
    }

    public var sslmode: Mode?
    public var sslcert: String?
    public var sslkey: String?
    /// The password of `sslkey`; a secret that libpq takes only inside the connection string.
    public var sslpassword: Credential?
    public var sslrootcert: String?
    public var sslcrl: String?
    public var sslcrldir: String?
    /// `disable`, `prefer`, `require`. PostgreSQL 12 and later.
    public var gssencmode: String?
    /// `disable`, `prefer`, `require`. PostgreSQL 13 and later.
    public var channelBinding: String?
    /// `postgres`, `direct`. PostgreSQL 17 and later.
    public var sslnegotiation: String?

    public init() {}

    /// What was said, in libpq's keywords, without `sslpassword`.
    public var settings: [ConnectionInfo.Pair] {
        let all: [(String, String?)] = [
            ("sslmode", sslmode?.rawValue), ("sslcert", sslcert), ("sslkey", sslkey), ("sslrootcert", sslrootcert),
            ("sslcrl", sslcrl), ("sslcrldir", sslcrldir), ("gssencmode", gssencmode),
            ("channel_binding", channelBinding), ("sslnegotiation", sslnegotiation),
        ]
        return all.compactMap { keyword, value in value.map { .init(keyword: keyword, value: $0) } }
    }
}
