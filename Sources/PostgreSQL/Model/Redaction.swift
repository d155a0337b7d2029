/// A text of pg_hba.conf, postgresql.conf or a connection string with the values of `password`, `ldapbindpasswd`,
/// `radiussecrets` and the like replaced by `***`. Line ends and everything else stay.
public func redactingSecrets(_ text: String) -> String {
    var out: [Unicode.Scalar] = []
    let scalars = Array(text.unicodeScalars)
    let names = ["passwd", "password", "radiussecrets", "secret"]
    var position = 0
    while position < scalars.count {
        out.append(scalars[position])
        position += 1
        guard scalars[position - 1] == "=", names.contains(where: { endsWith(out.dropLast(), $0) }) else { continue }
        while position < scalars.count, scalars[position] == " " {
            out.append(scalars[position])
            position += 1
        }
        position = endOfValue(scalars, from: position)
        out += Array("***".unicodeScalars)
    }
    var result = String.UnicodeScalarView()
    result.append(contentsOf: out)
    return String(result)
}

private func endsWith(_ text: ArraySlice<Unicode.Scalar>, _ name: String) -> Bool {
    var text = text
    while text.last == " " { text = text.dropLast() }
    guard text.count >= name.count else { return false }
    return zip(text.suffix(name.count), name.unicodeScalars).allSatisfy { $0.properties.lowercaseMapping == String($1) }
}

/// A value ends at a blank, or at its closing quote; never beyond its line.
private func endOfValue(_ scalars: [Unicode.Scalar], from start: Int) -> Int {
    var position = start
    var quote: Unicode.Scalar?
    while position < scalars.count, scalars[position] != "\n" {
        let scalar = scalars[position]
        if let open = quote {
            if scalar == "\\", position + 1 < scalars.count, scalars[position + 1] != "\n" { position += 1 }
            else if scalar == open { quote = nil }
        } else if scalar == "\"" || scalar == "'" {
            // An apostrophe after other characters closes the setting around a connection string.
            if position > start { break }
            quote = scalar
        } else if scalar == " " || scalar == "\t" || scalar == "\r" {
            break
        }
        position += 1
    }
    return position
}
