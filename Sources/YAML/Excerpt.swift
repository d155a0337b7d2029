extension String {
    /// Short enough for a message, and without characters that could disturb a terminal.
    public var excerpt: String {
        var result = ""
        for scalar in unicodeScalars.prefix(60) {
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            if isControl { result += "?" } else { result.unicodeScalars.append(scalar) }
        }
        return unicodeScalars.count > 60 ? result + "..." : result
    }
}
