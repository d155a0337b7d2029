import JSON

extension AgentConfiguration {
    /// The `log` section.
    public struct Log: Hashable, Sendable {
        public enum Level: String, CaseIterable, Hashable, Sendable, Comparable {
            case debug = "DEBUG", info = "INFO", warning = "WARNING", error = "ERROR", critical = "CRITICAL"

            public static func < (a: Self, b: Self) -> Bool { a.order < b.order }

            private var order: Int { Self.allCases.firstIndex(of: self) ?? 0 }

            /// Python's words, with its two synonyms, in any case.
            public init?(word: String) {
                switch word.uppercased() {
                case "WARN": self = .warning
                case "FATAL": self = .critical
                case let word: self.init(rawValue: word)
                }
            }
        }

        public enum Form: String, CaseIterable, Hashable, Sendable { case plain, json }

        /// A file in a directory, rotated by size; nil `directory`: standard error.
        public struct File: Hashable, Sendable {
            public var directory: String
            /// Permissions of new files; nil: by umask.
            public var mode: Int?
            /// Rotated files kept beside the current one.
            public var count = 4
            /// Bytes at which the file is rotated; 0: never.
            public var size = 25_000_000

            public init(directory: String) { self.directory = directory }
        }

        public var level: Level
        public var form: Form
        /// The plain form of a line.
        public var format = LogFormat.standard
        /// The fields of the JSON form, in order.
        public var jsonFields = LogFormat.standard.fields
        /// strftime's pattern; nil: `2026-11-22 13:29:03,123`.
        public var dateFormat: String?
        /// Added to every line of the JSON form.
        public var staticFields = JSONObject()
        public var file: File?
        /// Levels of single loggers, by their names.
        public var loggers: [String: Level] = [:]
        /// The sentence of an unchanged cycle is logged once, not in every cycle.
        public var deduplicatesHeartbeats = false

        public init(level: Level = .info, form: Form = .plain) {
            self.level = level
            self.form = form
        }
    }
}
