import PostgresModel
import YAML

extension AgentSchema {
    /// Part of keys in the store and of paths.
    static let name = ValueType.checked(allowed: "text without '/'") { text in
        if text.isEmpty { return .bad("is empty") }
        // Patroni keeps this name for a synchronous standby that nobody is.
        if text == "__patroni_strict_sync_replica_placeholder__" { return .bad("is a reserved name") }
        return text.contains("/") || text == "." || text == ".." ? .bad("is '\(text.excerpt)'") : .good
    }

    static func listen(defaultPort: Int?) -> ValueType {
        let allowed = defaultPort == nil ? "address[,address]:port" : "address[,address][:port]"
        return .checked(allowed: allowed) { text in
            ListenAddress(text, defaultPort: defaultPort) != nil ? .good : .bad("is '\(text.excerpt)'")
        }
    }

    static func hostPort(defaultPort: Int?) -> ValueType {
        .checked(allowed: defaultPort == nil ? "host:port" : "host[:port]") { text in
            HostPort(text, defaultPort: defaultPort) != nil ? .good : .bad("is '\(text.excerpt)'")
        }
    }

    static let hostPortList = ValueType.checked(allowed: "host:port,host:port") { text in
        let parts = text.split(separator: ",").map { $0.trimmingSpaces }
        let isGood = !parts.isEmpty && parts.allSatisfy { HostPort($0, defaultPort: 2379) != nil }
        return isGood ? .good : .bad("is '\(text.excerpt)'")
    }

    static let command = ValueType.checked(allowed: "a program with its arguments, quoted as in a shell") { text in
        CommandWords(text) != nil ? .good : .bad(text.isEmpty ? "is empty" : "has a quote without its partner")
    }

    static let logLevel = ValueType.checked(allowed: "DEBUG, INFO, WARNING, ERROR, CRITICAL") { text in
        let words = AgentConfiguration.Log.Level.allCases.map(\.rawValue)
        let isGood = AgentConfiguration.Log.Level(word: text) != nil
        return isGood ? .good : .bad("is '\(text.excerpt)'", suggestion: nearest(to: text, among: words))
    }

    static let logFormat = ValueType.checked(
        allowed: "text with " + LogFormat.Field.allCases.map { "%(\($0.rawValue))s" }.joined(separator: ", ")
    ) { text in
        LogFormat(text) != nil ? .good : .bad("has a '%' that begins no field")
    }

    static let tokens = ValueType.checked(allowed: "Original, Minimal, ProductOnly") { text in
        AgentConfiguration.RestAPI.ServerTokens(word: text) != nil ? .good : .bad("is '\(text.excerpt)'")
    }

    /// A whole number of seconds or -1.
    static let margin = ValueType.checked(allowed: "a time such as 5, or -1 for half of the ttl") { text in
        text == "-1" || parseDuration(text) != nil ? .good : .bad("is '\(text.excerpt)'")
    }

    static let commaList = ValueType.either(.list(of: .text), .text)
    static let headers = ValueType.map(key: headerName, value: .text)
    static let headerName = ValueType.checked(allowed: "letters, digits and -") { text in
        let isGood = !text.isEmpty && text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
        return isGood ? .good : .bad("is '\(text.excerpt)'")
    }
    static let settings = ValueType.map(key: .text, value: .any)

    static let url = ValueType.checked(allowed: "http://host:port or https://host:port") { text in
        endpoint(url: text, defaultPort: 2379) != nil ? .good : .bad("is no such address")
    }

    /// A URL may hold a user and a password; those are neither read nor shown.
    static func endpoint(url: String, defaultPort: Int) -> (place: HostPort, usesTLS: Bool)? {
        for (scheme, usesTLS) in [("http://", false), ("https://", true)] where url.hasPrefix(scheme) {
            let authority = String(url.dropFirst(scheme.count).prefix { $0 != "/" })
            return HostPort(authority, defaultPort: defaultPort).map { ($0, usesTLS) }
        }
        return nil
    }
}
