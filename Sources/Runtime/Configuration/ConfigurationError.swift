import YAML

/// Why a configuration cannot be used or written.
public struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: Hashable, Sendable {
        /// The file has errors; each names its place.
        case invalid([Diagnostic])
        /// A secret itself would have been written to a file that holds references only.
        case secretInside(key: String)
        /// No quoting can carry this name or value into PostgreSQL's configuration.
        case notRepresentable(name: String)
    }

    public var code: Code

    public init(_ code: Code) { self.code = code }

    public var description: String {
        switch code {
        case .invalid(let problems): problems.map(\.description).joined(separator: "\n")
        case .secretInside(let key):
            "'\(key)' holds a secret itself; the agent's configuration takes 'password_file' references only"
        case .notRepresentable(let name):
            "'\(name.excerpt)' cannot be written to postgresql.conf: its name is not a setting's name, it is there "
                + "twice, or its value holds a NUL character"
        }
    }
}
