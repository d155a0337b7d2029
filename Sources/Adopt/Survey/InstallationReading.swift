import Facts

/// What else is known of a directory with PostgreSQL's programs.
enum InstallationReading {
    static func add(_ record: SurveyRecord, to facts: inout InstallationFacts) {
        facts.configureOptions = options(record.text("options") ?? "")
        // libicui18n.so.72
        facts.icuVersion = record.text("icu").flatMap { name in
            name.trimmed.split(separator: ".").first { $0.allSatisfy(\.isNumber) }.map(String.init)
        }
        facts.brokenLibraries = (record.text("broken") ?? "").split(separator: "\n").map(\.trimmed)
        facts.dictionaries = record.names("dictionaries").sorted()
        // hstore.control:default_version = '1.8'
        for line in (record.text("defaults") ?? "").split(separator: "\n") {
            guard let colon = line.range(ofText: ".control:") else { continue }
            let parts = line[colon.upperBound...].split(separator: "'")
            if parts.count >= 2 { facts.extensionVersions[String(line[..<colon.lowerBound])] = String(parts[1]) }
        }
    }

    /// `'--with-icu' '--with-system-tzdata=/usr/share/zoneinfo'`: the options, without their quotes.
    static func options(_ text: String) -> [String] {
        text.split(separator: "'").map(String.init).filter { $0.hasPrefix("--") }
    }
}

extension Substring {
    /// The first place of a text within this one.
    func range(ofText text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
