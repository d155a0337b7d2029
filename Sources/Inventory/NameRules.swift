import PostgresModel
import YAML

/// What names, addresses and paths of the inventory may look like.
extension ValueType {
    /// A cluster or a member: part of key names in the store, of unit names and of paths.
    static let name = ValueType.checked(allowed: "1 to 63 letters, digits, '-', '_', '.'; first a letter or digit") {
        nameVerdict($0)
    }

    static let namespace = ValueType.checked(
        allowed: "letters, digits, '-', '_', '.', with '/' between parts"
    ) { text in
        let parts = text.split(separator: "/")
        guard !parts.isEmpty else { return .bad("is empty") }
        return parts.allSatisfy { nameVerdict(String($0)).isGood } ? .good : .bad("is '\(text.excerpt)'")
    }

    static let endpoint = ValueType.checked(allowed: "host:port, such as 10.0.0.1:2379") { endpointVerdict($0) }

    static let address = ValueType.checked(allowed: "an address or a DNS name") { text in
        if HostPort.isHost(text) { return .good }
        if let place = HostPort(text) { return .bad("is '\(text.excerpt)'", suggestion: place.host) }
        return .bad("is '\(text.excerpt)'")
    }

    static let jump = ValueType.checked(allowed: "[user@]host[:port], or an alias of ~/.ssh/config") { text in
        let parts = text.split(separator: "@", omittingEmptySubsequences: false).map(String.init)
        guard let target = parts.last, parts.count <= 2, parts.count == 1 || isUserName(parts[0]) else {
            return .bad("is '\(text.excerpt)'")
        }
        return HostPort.isHost(target) || HostPort(target) != nil ? .good : .bad("is '\(text.excerpt)'")
    }

    static let absolutePath = ValueType.checked(allowed: "an absolute path on the host") { text in
        text.hasPrefix("/") ? .good : .bad("is '\(text.excerpt)', not an absolute path")
    }

    static let unitName = ValueType.checked(allowed: "a unit such as postgresql@15-main.service") { text in
        let isGood = !text.isEmpty && !text.hasPrefix("-") && text.utf8.allSatisfy {
            isNameByte($0) || ":@\\".utf8.contains($0)
        }
        return isGood ? .good : .bad("is '\(text.excerpt)'")
    }

    static let userName = ValueType.checked(allowed: "a user's name") { text in
        isUserName(text) ? .good : .bad("is '\(text.excerpt)'")
    }

    static let variable = ValueType.checked(allowed: "the name of an environment variable") { text in
        let letters = text.utf8.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "_") }
        let startsWell = text.utf8.first.map { !(0x30...0x39).contains($0) } ?? false
        // The text is not repeated: somebody may have put the secret itself here.
        return letters && startsWell ? .good : .bad("is not the name of an environment variable")
    }
}

extension TextVerdict {
    fileprivate var isGood: Bool { if case .good = self { true } else { false } }
}

private func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
}

private func isNameByte(_ byte: UInt8) -> Bool { isLetterOrDigit(byte) || "-_.".utf8.contains(byte) }

private func nameVerdict(_ text: String) -> TextVerdict {
    guard let first = text.utf8.first else { return .bad("is empty") }
    guard text.utf8.allSatisfy(isNameByte), isLetterOrDigit(first) else {
        let better = String(text.unicodeScalars.map { scalar in
            scalar.isASCII && isNameByte(UInt8(scalar.value)) ? Character(scalar) : "-"
        })
        return .bad("is '\(text.excerpt)'", suggestion: better.utf8.first.map(isLetterOrDigit) == true ? better : nil)
    }
    return text.utf8.count <= 63 ? .good : .bad("is '\(text.excerpt)', \(text.utf8.count) characters long")
}

private func isUserName(_ text: String) -> Bool {
    guard let first = text.utf8.first, text.utf8.count <= 64 else { return false }
    return first != UInt8(ascii: "-") && text.utf8.allSatisfy { isNameByte($0) || "\\$".utf8.contains($0) }
}

private func endpointVerdict(_ text: String) -> TextVerdict {
    if HostPort(text) != nil { return .good }
    for scheme in ["https://", "http://"] where text.hasPrefix(scheme) {
        let rest = text.dropFirst(scheme.count).prefix { $0 != "/" }
        let tls = scheme == "https://" ? "; TLS is chosen by the 'tls' section" : ""
        return .bad("has a scheme\(tls)", suggestion: String(rest.excerptText))
    }
    if HostPort.isHost(text) {
        let host = text.contains(":") ? "[\(text)]" : text
        return .bad("has no port", suggestion: host + ":2379")
    }
    return .bad("is '\(text.excerpt)'")
}

extension Substring {
    fileprivate var excerptText: String { String(self).excerpt }
}
