import Facts
import PostgresModel

/// The `details` record of a running server as facts: lines of a letter and a value in hexadecimal.
enum DetailsReading {
    static func facts(_ record: SurveyRecord) -> ServerDetails {
        var facts = ServerDetails()
        var link = ""
        let clock = record.text("clock").flatMap { Double($0) }
        for line in (record.text("lines") ?? "").split(separator: "\n") {
            guard let letter = line.first, line.count >= 2,
                let bytes = SurveyRecord.bytes(hexadecimal: String(line.dropFirst(2)))
            else { continue }
            let text = String(decoding: bytes, as: UTF8.self)
            switch letter {
            case "M": (facts.directoryOwner, facts.directoryMode) = ownerAndMode(text)
            case "T": facts.topFiles.append(text)
            case "K": link = text
            case "V": facts.links[link] = text
            case "R": facts.walFilesToArchive = Int(text)
            case "O": facts.oomScoreAdjust = Int(text.trimmed)
            // "Max open files            1024                 524288               files"
            case "L": facts.openFiles = text.split(separator: " ").dropFirst(3).first.flatMap { Int($0) }
            case "N": facts.namedFiles.append(NamedFileFacts(path: text, exists: false))
            case "S" where !text.isEmpty && !facts.namedFiles.isEmpty:
                let last = facts.namedFiles.count - 1
                facts.namedFiles[last].exists = true
                (facts.namedFiles[last].owner, facts.namedFiles[last].mode) = ownerAndMode(text)
            case "X": facts.certificate = certificate(text, path: record.text("certificate") ?? "", clock: clock)
            case "G": facts.logFile = text
            case "P": facts.crashes = Int(text.trimmed)
            default: break
            }
        }
        return facts
    }

    private static func ownerAndMode(_ text: String) -> (String?, String?) {
        let words = text.trimmed.split(separator: " ")
        return words.count == 2 ? (String(words[0]), String(words[1])) : (nil, nil)
    }

    /// `notAfter=Nov 22 10:00:00 2027 GMT`, then `DNS:a, IP Address:10.0.0.1`.
    static func certificate(_ text: String, path: String, clock: Double?) -> CertificateFacts? {
        guard let clock, let line = text.split(separator: "\n").first(where: { $0.hasPrefix("notAfter=") }),
            let end = secondsSince1970(String(line.dropFirst("notAfter=".count)))
        else { return nil }
        let names = text.split(whereSeparator: { $0 == "\n" || $0 == "," }).compactMap { part -> String? in
            let part = part.trimmed
            for prefix in ["DNS:", "IP Address:"] where part.hasPrefix(prefix) { return String(part.dropFirst(prefix.count)) }
            return nil
        }
        return CertificateFacts(path: path, remainingSeconds: end - clock, names: names)
    }

    /// `Nov  2 10:00:00 2027 GMT`
    static func secondsSince1970(_ text: String) -> Double? {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let words = text.split(separator: " ")
        guard words.count >= 4, let month = months.firstIndex(of: String(words[0])), let day = Int(words[1]),
            let year = Int(words[3])
        else { return nil }
        let time = words[2].split(separator: ":").compactMap { Int($0) }
        guard time.count == 3, (1...31).contains(day), (1970...9999).contains(year) else { return nil }
        // Days from the civil calendar, years counted from March so that the leap day is the last.
        let shifted = month < 2 ? year - 1 : year
        let dayOfYear = (153 * ((month + 10) % 12) + 2) / 5 + day - 1
        let days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
        return Double(days * 86_400 + time[0] * 3600 + time[1] * 60 + time[2])
    }
}
