import Configuration
import Glibc
import JSON
import Logging

/// The text of a log line (compatibility sheet d.2, `log.`).
struct LogLineForm: Sendable {
    struct Event {
        var level: Logger.Level
        var message: String
        var logger: String
        var module: String
        var file: String
        var function: String
        var line: Int
        /// Since 1970.
        var at: timespec
    }

    private let settings: AgentConfiguration.Log
    /// The journal writes time and program itself.
    private let isForJournal: Bool

    init(_ settings: AgentConfiguration.Log, isForJournal: Bool = getenv("JOURNAL_STREAM") != nil) {
        self.settings = settings
        let isStandard = settings.form == .plain && settings.format == .standard
        self.isForJournal = isForJournal && settings.file == nil && isStandard
    }

    /// Without the line's end. A sentence is a line: what came from outside must not forge others.
    func line(_ event: Event) -> String {
        switch settings.form {
        case .json: return json(event).text
        case .plain where isForJournal: return oneLine("\(event.level.rawValue.uppercased()): \(event.message)")
        case .plain: return oneLine(settings.format.line { value(of: $0, event) })
        }
    }

    private func oneLine(_ text: String) -> String { text.replacing("\n", with: " | ") }

    private func json(_ event: Event) -> JSON {
        var object = JSONObject()
        for field in settings.jsonFields { object[field.name] = .string(value(of: field.field, event)) }
        for (key, value) in settings.staticFields { object[key] = value }
        return .object(object)
    }

    private func value(of field: LogFormat.Field, _ event: Event) -> String {
        switch field {
        case .time: time(event.at)
        case .level: event.level.word
        case .message: event.message
        case .logger: event.logger
        case .process: String(getpid())
        case .module: event.module
        case .funcName: event.function
        case .lineno: String(event.line)
        case .filename: event.file.split(separator: "/").last.map(String.init) ?? event.file
        case .threadName: "MainThread"
        }
    }

    /// Local time; without a pattern as Python's logging writes it, `2026-11-22 13:29:03,123`.
    private func time(_ moment: timespec) -> String {
        var seconds = moment.tv_sec
        var parts = tm()
        localtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 256)
        let length = strftime(&buffer, buffer.count, settings.dateFormat ?? "%Y-%m-%d %H:%M:%S", &parts)
        let text = String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard settings.dateFormat == nil else { return text }
        let millis = String(moment.tv_nsec / 1_000_000)
        return text + "," + String(repeating: "0", count: 3 - millis.count) + millis
    }
}
