import Configuration
import Glibc
import JSON
import Logging

/// One line an event, in the form that the `log` section asks for.
public struct LineLogHandler: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var logLevel: Logger.Level
    private let label: String
    private let form: LogLineForm
    private let sink: LogSink

    /// - Parameter sink: shared by all handlers of the program.
    public init(label: String, settings: AgentConfiguration.Log, sink: LogSink) {
        self.label = label
        self.sink = sink
        form = LogLineForm(settings)
        logLevel = Logger.Level(settings.loggers[label] ?? settings.level)
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var message = "\(event.message)"
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        if !all.isEmpty {
            let pairs = all.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            message += " [\(pairs.joined(separator: " "))]"
        }
        sink.write(
            form.line(
                .init(
                    level: event.level, message: message, logger: label, module: event.source, file: event.file,
                    function: event.function, line: Int(event.line), at: WallClock.now())))
    }
}

extension Logger.Level {
    /// Python's levels, of which `notice` is none: it is our word for what a person should see at INFO.
    init(_ level: AgentConfiguration.Log.Level) {
        self =
            switch level {
            case .debug: .debug
            case .info: .info
            case .warning: .warning
            case .error: .error
            case .critical: .critical
            }
    }

    /// The word of Python's logging.
    var word: String {
        switch self {
        case .trace, .debug: "DEBUG"
        case .info, .notice: "INFO"
        case .warning: "WARNING"
        case .error: "ERROR"
        case .critical: "CRITICAL"
        }
    }
}
