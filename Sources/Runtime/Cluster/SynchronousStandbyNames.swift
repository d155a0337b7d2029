/// `synchronous_mode` of the dynamic configuration.
public enum SynchronousMode: String, CaseIterable, Hashable, Sendable { case off, on, quorum }

/// `synchronous_standby_names` as PostgreSQL understands it: how many of which standbys acknowledge a commit.
/// https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-SYNCHRONOUS-STANDBY-NAMES
public struct SynchronousStandbyNames: Hashable, Sendable {
    public enum Method: String, Hashable, Sendable {
        /// The first `count` of the list that are connected.
        case first = "FIRST"
        /// Any `count` of the list.
        case any = "ANY"
    }

    public var method: Method
    /// At least 1, unless there are no names.
    public var count: Int
    /// As written; `*` matches every standby. PostgreSQL compares names without regard to case.
    public var names: [String]

    public init(_ method: Method = .first, count: Int, names: [String]) {
        self.method = method
        self.count = count
        self.names = names
    }

    /// The empty setting: commits wait for nobody.
    public static let none = Self(count: 0, names: [])
    /// Patroni's name for "some standby, but none is there", which makes commits wait (4.1).
    public static let placeholderName = "__patroni_strict_sync_replica_placeholder__"

    /// Every one of these has to acknowledge.
    public static func all(_ names: some Sequence<String>) -> Self {
        let sorted = names.sorted()
        return Self(count: sorted.count, names: sorted)
    }

    public var isNone: Bool { names.isEmpty }
    /// Members' names, the placeholder left out.
    public var members: [String] { names.filter { $0 != Self.placeholderName } }
}

extension SynchronousStandbyNames: CustomStringConvertible {
    /// The value as Patroni writes it: one name alone, several as `2 (a,b)` or `ANY 1 (a,b)`; names are quoted
    /// where PostgreSQL needs it.
    public var description: String {
        guard !isNone else { return "" }
        let list = names.map(quoted).joined(separator: ",")
        switch method {
        case .first: return names.count == 1 && count == 1 ? list : "\(count) (\(list))"
        case .any: return "ANY \(count) (\(list))"
        }
    }
}

private func quoted(_ name: String) -> String {
    if name == "*" { return name }
    let isPlain = name.utf8.first.map { isLetter($0) } ?? false && name.utf8.allSatisfy { isLetter($0) || isDigit($0) }
    if isPlain, !["any", "first"].contains(name.lowercased()) { return name }
    return "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
}

private func isLetter(_ byte: UInt8) -> Bool {
    UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
        || byte == UInt8(ascii: "_") || byte >= 0x80
}

private func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

// MARK: Reading

extension SynchronousStandbyNames {
    /// Reads the setting's text: `a,b`, `2 (a,b)`, `FIRST 2 (a,b)`, `ANY 1 (a,b)`, `*`, or empty.
    /// Nil when PostgreSQL would refuse it.
    public init?(_ text: some StringProtocol) {
        var tokens = Tokens(text)
        guard let all = tokens.all() else { return nil }
        guard !all.isEmpty else {
            self = .none
            return
        }
        self.init(.first, count: 1, names: [])
        var rest = all[...]
        if case .word(let word) = rest[0], rest.count > 2, case .word = rest[1], rest[2] == .open {
            guard let named = Method(rawValue: word.uppercased()) else { return nil }
            method = named
            rest = rest.dropFirst()
        }
        if case .word(let number) = rest.first, rest.dropFirst().first == .open, rest.last == .close {
            guard let value = Int(number), value > 0 else { return nil }
            count = value
            rest = rest.dropFirst(2).dropLast()
        }
        guard let list = Self.list(rest), !list.isEmpty else { return nil }
        names = list
    }

    private static func list(_ tokens: ArraySlice<Token>) -> [String]? {
        var names: [String] = []
        var wantsName = true
        for token in tokens {
            switch token {
            case .word(let name), .quoted(let name):
                guard wantsName else { return nil }
                names.append(name)
            case .comma where !wantsName: break
            case .comma, .open, .close: return nil
            }
            wantsName.toggle()
        }
        return wantsName ? nil : names
    }

    private enum Token: Equatable { case word(String), quoted(String), comma, open, close }

    private struct Tokens {
        private var rest: Substring

        init(_ text: some StringProtocol) { rest = Substring(text) }

        /// Nil for a quote without an end.
        mutating func all() -> [Token]? {
            var tokens: [Token] = []
            while let character = rest.first {
                switch character {
                case ",": tokens.append(.comma)
                case "(": tokens.append(.open)
                case ")": tokens.append(.close)
                case "\"":
                    guard let name = quotedName() else { return nil }
                    tokens.append(.quoted(name))
                    continue
                case _ where character.isWhitespace: break
                default:
                    let word = rest.prefix { !$0.isWhitespace && !",()\"".contains($0) }
                    tokens.append(.word(String(word)))
                    rest = rest.dropFirst(word.count)
                    continue
                }
                rest = rest.dropFirst()
            }
            return tokens
        }

        private mutating func quotedName() -> String? {
            rest = rest.dropFirst()
            var name = ""
            while let character = rest.popFirst() {
                guard character == "\"" else {
                    name.append(character)
                    continue
                }
                guard rest.first == "\"" else { return name }
                name.append(character)
                rest = rest.dropFirst()
            }
            return nil
        }
    }
}
