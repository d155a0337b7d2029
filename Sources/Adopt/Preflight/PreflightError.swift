import YAML

/// A name of a check or host that does not exist.
public struct PreflightError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: String, Equatable, Sendable { case unknownRule, unknownHost }

    public var code: Code
    public var message: String

    public init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }

    static func unknownRule(_ name: String) -> PreflightError {
        let hint = nearest(to: name, among: allRules.map(\.name)).map { "; did you mean \($0)?" } ?? ";"
        return PreflightError(
            code: .unknownRule, message: "there is no check named '\(name.oneLine)'\(hint) docs/checks.md lists all")
    }

    static func unknownHost(_ name: String, among hosts: [String]) -> PreflightError {
        PreflightError(
            code: .unknownHost,
            message: "'\(name.oneLine)' is no host of this cluster; its hosts are \(hosts.joined(separator: ", "))")
    }
}
