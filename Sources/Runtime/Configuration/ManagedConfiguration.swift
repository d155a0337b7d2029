/// The content of the one file of ours that the owner's postgresql.conf includes. A pure value: the same value is
/// always the same text.
public struct ManagedConfiguration: Hashable, Sendable {
    /// What makes a server a standby of an upstream.
    public struct Standby: Hashable, Sendable {
        /// Nil: recovery from the archive only, or a leaderless moment.
        public var primaryConnInfo: ConnectionInfo?
        public var primarySlotName: String?

        public init(primaryConnInfo: ConnectionInfo?, primarySlotName: String? = nil) {
            self.primaryConnInfo = primaryConnInfo
            self.primarySlotName = primarySlotName
        }
    }

    public var scope: String
    public var member: String
    public var parameters: [String: String]
    /// Nil: a primary.
    public var standby: Standby?

    public init(scope: String, member: String, parameters: [String: String] = [:], standby: Standby? = nil) {
        self.scope = scope
        self.member = member
        self.parameters = parameters
        self.standby = standby
    }

    /// The file's text: a header, then `name = 'value'` lines sorted by name. The standby's settings win over
    /// parameters of the same name. Throws for what no quoting can carry.
    public func render() throws(ConfigurationError) -> String {
        var lines: [String: String] = [:]
        for (name, value) in parameters {
            let key = name.asciiLowercased
            // PostgreSQL's names ignore case; which of two would win would depend on their order.
            guard Self.isSettingName(name), lines[key] == nil else {
                throw ConfigurationError(.notRepresentable(name: name))
            }
            lines[key] = try Self.line(name, value)
        }
        if let standby {
            lines["primary_conninfo"] = try Self.line("primary_conninfo", standby.primaryConnInfo?.description ?? "")
            lines["primary_slot_name"] = try Self.line("primary_slot_name", standby.primarySlotName ?? "")
            lines["recovery_target_timeline"] = try Self.line("recovery_target_timeline", "latest")
        }
        let body = lines.sorted { $0.key < $1.key }.map { $0.value + "\n" }.joined()
        return header + body
    }

    private var header: String {
        """
        # Written by pgadopt-agent for \(scope.commentSafe), member \(member.commentSafe). Changes made here are lost.
        # Settings of this server: the agent's configuration file, section postgresql.parameters.

        """
    }

    private static func line(_ name: String, _ value: String) throws(ConfigurationError) -> String {
        guard let quoted = quoted(value) else { throw ConfigurationError(.notRepresentable(name: name)) }
        return "\(name) = \(quoted)"
    }

    /// A value in PostgreSQL's configuration file syntax: quotes doubled, backslashes escaped, line breaks as
    /// escapes, because a string must end on its line (PostgreSQL's guc-file.l). Nil: holds a NUL character.
    public static func quoted(_ value: String) -> String? {
        var result = "'"
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\0": return nil
            case "'": result += "''"
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "'"
    }

    /// A letter or `_`, then letters, digits, `_` and `$`; once more after a dot for extensions' settings.
    static func isSettingName(_ name: String) -> Bool {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), name.utf8.count <= 128 else { return false }
        // include and its kin are directives, not settings.
        guard !["include", "include_dir", "include_if_exists"].contains(name.asciiLowercased) else { return false }
        return parts.allSatisfy { part in
            guard let first = part.utf8.first, !"0123456789$".utf8.contains(first) else { return false }
            return part.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || "_$".utf8.contains(byte)
            }
        }
    }
}

extension String {
    fileprivate var asciiLowercased: String {
        String(decoding: utf8.map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 }, as: UTF8.self)
    }

    /// Without anything that could end the comment.
    fileprivate var commentSafe: String {
        var result = ""
        for scalar in unicodeScalars { result.unicodeScalars.append(scalar.value < 0x20 ? "?" : scalar) }
        return result
    }
}
