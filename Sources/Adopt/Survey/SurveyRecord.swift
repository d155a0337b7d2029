import JSON

/// One flat record of the survey script: a kind, and values that are bytes.
struct SurveyRecord: Equatable {
    var kind: String
    private var values: [String: [UInt8]]

    init(kind: String, values: [String: [UInt8]] = [:]) {
        self.kind = kind
        self.values = values
    }

    /// The bytes of a value, exactly as on the host.
    func bytes(_ key: String) -> [UInt8]? { values[key] }

    /// A value as text; bytes that are not UTF-8 become replacement characters. Nil when absent or empty.
    func text(_ key: String) -> String? {
        guard let bytes = values[key], !bytes.isEmpty else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    func int(_ key: String) -> Int? { text(key).flatMap { Int($0.trimmed) } }

    /// Names that each end in a slash.
    func names(_ key: String) -> [String] {
        (text(key) ?? "").split(separator: "/").map(String.init)
    }

    /// How many bytes came before the first marker, but for the line end that the script itself puts there.
    static func banner(of output: [UInt8]) -> Int {
        let text = String(decoding: output, as: UTF8.self)
        guard let begin = text.range(ofLine: SurveyScript.beginMarker) else { return 0 }
        return text[..<begin.lowerBound].utf8.drop { $0 == 0x0A }.count
    }

    /// Reads what the script printed; anything before the first marker (a login shell's greeting) is passed over.
    ///
    /// - Throws: ``SurveyError`` when the markers are missing, the text between them is not the script's JSON, or
    ///   the closing record is: half a survey is none.
    static func parse(_ output: [UInt8], host: String) throws(SurveyError) -> [SurveyRecord] {
        let text = String(decoding: output, as: UTF8.self)
        guard let begin = text.range(ofLine: SurveyScript.beginMarker) else {
            throw SurveyError(.noAnswer, host: host, "the survey printed nothing that could be read")
        }
        guard let end = text[begin.upperBound...].range(ofLine: SurveyScript.endMarker) else {
            throw SurveyError(.cutShort, host: host, "the survey's answer is cut short")
        }
        let document: JSON
        do { document = try JSON(parsing: String(text[begin.upperBound..<end.lowerBound])) } catch {
            throw SurveyError(.malformed, host: host, "the survey's answer is not JSON: \(error)")
        }
        guard let items = document.array else {
            throw SurveyError(.malformed, host: host, "the survey's answer is not a list of records")
        }
        var records: [SurveyRecord] = []
        for item in items {
            guard let record = SurveyRecord(item) else {
                throw SurveyError(.malformed, host: host, "a record of the survey's answer cannot be read")
            }
            records.append(record)
        }
        guard records.last?.kind == "end" else {
            throw SurveyError(.cutShort, host: host, "the survey ended before its last record")
        }
        return records
    }

    private init?(_ json: JSON) {
        guard let object = json.object, let kind = object["is"]?.string else { return nil }
        self.kind = kind
        values = [:]
        for (key, value) in object where key != "is" {
            if let text = value.string {
                values[key] = Array(text.utf8)
            } else if let hex = value["hex"]?.string, let bytes = Self.bytes(hexadecimal: hex) {
                values[key] = bytes
            } else {
                return nil
            }
        }
    }

    static func bytes(hexadecimal text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = digit(digits[index]), let low = digit(digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x61...0x66: byte - 0x57
        case 0x41...0x46: byte - 0x37
        default: nil
        }
    }
}

extension StringProtocol {
    /// Without blanks and line ends at both ends.
    var trimmed: String {
        var text = Substring(self)
        while let last = text.unicodeScalars.last, last.properties.isWhitespace { text.unicodeScalars.removeLast() }
        while let first = text.unicodeScalars.first, first.properties.isWhitespace { text.unicodeScalars.removeFirst() }
        return String(text)
    }

    /// The range of the first line that is exactly `line`, its line end included.
    func range(ofLine line: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            let end = self[start...].firstIndex(of: "\n") ?? endIndex
            let next = end < endIndex ? index(after: end) : endIndex
            if self[start..<end] == line { return start..<next }
            start = next
        }
        return nil
    }
}

/// A survey that could not be made.
public struct SurveyError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable { case noAnswer, cutShort, malformed, commandFailed }

    public var code: Code
    public var host: String
    public var message: String

    init(_ code: Code, host: String, _ message: String) {
        self.code = code
        self.host = host
        self.message = message
    }

    public var description: String { "\(host): \(message)" }
}
