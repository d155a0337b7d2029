import Crypto
import FoundationEssentials

/// One line of a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
struct KnownHostLine: Equatable, Sendable {
    enum Marker: Equatable, Sendable { case none, revoked, certificateAuthority }
    var marker: Marker
    var names: String
    var keyType: String
    var key: [UInt8]
    var file: String
    var line: Int

    init?(_ text: Substring, file: String, line: Int) {
        var fields = text.split(whereSeparator: { $0 == " " || $0 == "\t" })
        guard let first = fields.first, !first.hasPrefix("#") else { return nil }
        switch first {
        case "@revoked": marker = .revoked
        case "@cert-authority": marker = .certificateAuthority
        default: marker = .none
        }
        if marker != .none { fields.removeFirst() }
        guard fields.count >= 3, let key = Data(base64Encoded: String(fields[2])) else { return nil }
        names = String(fields[0])
        keyType = String(fields[1])
        self.key = Array(key)
        self.file = file
        self.line = line
    }

    /// Whether the line speaks of `name` (`host`, or `[host]:port`): hashed names, patterns and negation included.
    func matches(_ name: String) -> Bool {
        if names.hasPrefix("|1|") { return matchesHash(name) }
        let name = name.lowercased()
        var found = false
        for pattern in names.split(separator: ",") {
            let pattern = pattern.lowercased()
            if pattern.hasPrefix("!") {
                if Self.glob(Array(pattern.dropFirst().utf8), Array(name.utf8)) { return false }
            } else if Self.glob(Array(pattern.utf8), Array(name.utf8)) {
                found = true
            }
        }
        return found
    }

    private func matchesHash(_ name: String) -> Bool {
        let parts = names.split(separator: "|")
        guard parts.count == 3, let salt = Data(base64Encoded: String(parts[1])),
            let hash = Data(base64Encoded: String(parts[2]))
        else { return false }
        let code = HMAC<Insecure.SHA1>.authenticationCode(
            for: Data(name.lowercased().utf8), using: SymmetricKey(data: salt))
        return Array(code) == Array(hash)
    }

    private static func glob(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
        var p = 0, t = 0, star = -1, mark = 0
        while t < text.count {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                star = p
                mark = t
                p += 1
            } else if p < pattern.count, pattern[p] == UInt8(ascii: "?") || pattern[p] == text[t] {
                p += 1
                t += 1
            } else if star >= 0 {
                p = star + 1
                mark += 1
                t = mark
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}

/// The host keys a target is known by.
struct KnownHosts: Sendable {
    /// The lines of plain keys, and of revoked ones, that name the target.
    var lines: [KnownHostLine]

    enum Verdict: Equatable, Sendable {
        case known
        case revoked(KnownHostLine)
        /// A key of the same type is known, and it is another one.
        case changed(KnownHostLine)
        /// Only keys of other types are known, or none at all.
        case unknown(others: [KnownHostLine])
    }

    init(for target: SSHTarget) {
        lines = target.knownHostsFiles.flatMap { path -> [KnownHostLine] in
            guard let text = FileManager.default.contents(atPath: path) else { return [] }
            return Self.parse(String(decoding: text, as: UTF8.self), file: path)
        }.filter { $0.marker != .certificateAuthority && $0.matches(target.knownHostsName) }
    }

    static func parse(_ text: String, file: String) -> [KnownHostLine] {
        text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated().compactMap {
            KnownHostLine($1, file: file, line: $0 + 1)
        }
    }

    /// The types to ask the server for first, so that it shows a key we can compare.
    var keyTypes: [String] { lines.filter { $0.marker == .none }.map(\.keyType) }

    func verdict(on key: [UInt8]) -> Verdict {
        if let line = lines.first(where: { $0.marker == .revoked && $0.key == key }) { return .revoked(line) }
        let plain = lines.filter { $0.marker == .none }
        if plain.contains(where: { $0.key == key }) { return .known }
        if let other = plain.first(where: { $0.keyType == key.keyType }) { return .changed(other) }
        return .unknown(others: plain)
    }

    /// `SHA256:...` as ssh-keygen -l prints it.
    static func fingerprint(_ key: [UInt8]) -> String {
        let text = Data(SHA256.hash(data: key)).base64EncodedString()
        return "SHA256:" + String(text.prefix { $0 != "=" })
    }
}
