/// Reads the records of pg_hba.conf. Any bytes are accepted; what is no record becomes an invalid entry.
enum HBAParser {
    private struct Token {
        var text: String
        var isQuoted: Bool
    }

    /// A field: the comma-separated tokens between blanks.
    private typealias Field = [Token]

    static func entries(of bytes: [UInt8]) -> [HBAEntry] {
        var entries: [HBAEntry] = []
        for (number, line) in logicalLines(bytes) {
            switch fields(line) {
            case .failure(let reason): entries.append(HBAEntry(line: number, content: .invalid(reason.text)))
            case .success(let fields) where !fields.isEmpty:
                entries.append(HBAEntry(line: number, content: content(fields, line: number)))
            case .success: break
            }
        }
        return entries
    }

    private struct Reason: Error { var text: String }

    /// Lines without their ends; a backslash right before the end joins the next one. Number of the first line.
    private static func logicalLines(_ bytes: [UInt8]) -> [(Int, [UInt8])] {
        var result: [(Int, [UInt8])] = []
        var pending: (Int, [UInt8])?
        var number = 0
        for piece in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
            number += 1
            var line = piece
            while line.last == 0x0D { line = line.dropLast() }
            var current = pending ?? (number, [])
            if line.last == 0x5C {
                current.1 += line.dropLast()
                pending = current
            } else {
                current.1 += line
                result.append(current)
                pending = nil
            }
        }
        if let pending { result.append(pending) }
        return result
    }

    private static func fields(_ line: [UInt8]) -> Result<[Field], Reason> {
        var fields: [Field] = []
        var field: Field = []
        var position = 0
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        while true {
            while position < line.count, isBlank(line[position]) { position += 1 }
            guard position < line.count, line[position] != UInt8(ascii: "#") else { break }
            var token: [UInt8] = []
            var quoted = false
            var inQuotes = false
            while position < line.count {
                let byte = line[position]
                if byte == UInt8(ascii: "\"") {
                    // A doubled quote inside quotes stands for itself.
                    if inQuotes, position + 1 < line.count, line[position + 1] == byte {
                        token.append(byte)
                        position += 2
                        continue
                    }
                    inQuotes.toggle()
                    quoted = true
                } else if !inQuotes, isBlank(byte) || byte == UInt8(ascii: ",") || byte == UInt8(ascii: "#") {
                    break
                } else {
                    token.append(byte)
                }
                position += 1
            }
            if inQuotes { return .failure(Reason(text: "a quote is not closed")) }
            field.append(Token(text: String(decoding: token, as: UTF8.self), isQuoted: quoted))
            // Blanks may follow a comma, not precede it.
            if position < line.count, line[position] == UInt8(ascii: ",") {
                position += 1
                continue
            }
            fields.append(field)
            field = []
        }
        if !field.isEmpty { fields.append(field) }
        return .success(fields)
    }

    private static func content(_ fields: [Field], line: Int) -> HBAEntry.Content {
        let word = fields[0][0].text
        if ["include", "include_if_exists", "include_dir"].contains(word), !fields[0][0].isQuoted {
            guard fields.count == 2 else { return .invalid("\(word) needs one file name") }
            return .include(directive: word, path: fields[1][0].text)
        }
        guard let connection = HBARule.Connection(rawValue: word) else {
            let known = HBARule.Connection.allCases.map(\.rawValue).joined(separator: ", ")
            return .invalid("'\(word)' is no connection type; allowed are \(known)")
        }
        guard fields.count > 1 else { return .invalid("the database is missing") }
        guard fields.count > 2 else { return .invalid("the user is missing") }
        var rest = fields.dropFirst(3)
        var address = HBARule.Address.none
        if connection != .local {
            guard let field = rest.popFirst() else { return .invalid("the address is missing") }
            guard field.count == 1 else { return .invalid("more than one address in a record") }
            switch self.address(field[0], rest: &rest) {
            case .success(let found): address = found
            case .failure(let reason): return .invalid(reason.text)
            }
        }
        guard let method = rest.popFirst(), method.count == 1 else { return .invalid("the method is missing") }
        guard methods.contains(method[0].text) else { return .invalid("'\(method[0].text)' is no authentication method") }
        if method[0].text == "peer", connection != .local { return .invalid("peer works over the socket only") }
        let options = rest.map { $0.map(\.text).joined(separator: ",") }
        if let bad = options.first(where: { !$0.contains("=") }) { return .invalid("'\(bad)' is not of the form name=value") }
        return .rule(
            HBARule(
                line: line, connection: connection, databases: names(fields[1]), users: names(fields[2]),
                address: address, method: method[0].text, options: options, summary: summary(fields)))
    }

    private static let methods: Set<String> = [
        "trust", "reject", "scram-sha-256", "md5", "password", "gss", "sspi", "ident", "peer", "ldap", "radius", "cert",
        "pam", "bsd", "oauth",
    ]

    private static func names(_ field: Field) -> [HBARule.Name] {
        field.map { HBARule.Name(text: $0.text, isQuoted: $0.isQuoted) }
    }

    private static func address(
        _ token: Token, rest: inout ArraySlice<Field>
    ) -> Result<HBARule.Address, Reason> {
        if !token.isQuoted {
            switch token.text {
            case "all": return .success(.all)
            case "samehost": return .success(.sameHost)
            case "samenet": return .success(.sameNet)
            default: break
            }
        }
        let parts = token.text.split(separator: "/", omittingEmptySubsequences: false)
        guard let base = parts.first.flatMap({ IPAddress($0) }) else {
            return parts.count > 1
                ? .failure(Reason(text: "a mask follows the host name '\(token.text)'")) : .success(.name(token.text))
        }
        if parts.count == 2 {
            guard let prefix = Int(parts[1]), let network = IPNetwork(address: base, prefix: prefix) else {
                return .failure(Reason(text: "'\(token.text)' has no valid prefix length"))
            }
            return .success(.network(network))
        }
        guard parts.count == 1, let field = rest.first, field.count == 1, let mask = IPAddress(field[0].text),
            let network = IPNetwork(address: base, mask: mask)
        else { return .failure(Reason(text: "'\(token.text)' needs a prefix length or a mask")) }
        rest = rest.dropFirst()
        return .success(.network(network))
    }

    private static func summary(_ fields: [Field]) -> String {
        redactingSecrets(
            fields.map { field in
                field.map { $0.isQuoted ? "\"\($0.text)\"" : $0.text }.joined(separator: ",")
            }.joined(separator: " "))
    }
}
