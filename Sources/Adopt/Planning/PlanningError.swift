/// Why no plan can be made.
public struct PlanningError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: String, Equatable, Sendable {
        /// A host or a fact is missing without which nothing can be planned.
        case missingFacts
        /// The inventory asks for what is not supported.
        case unsupported
        /// The plan file cannot be read or is of another format.
        case unreadablePlan
        /// The plan installs the bundle, and there is none.
        case noBundle
    }

    public var code: Code
    public var host: String?
    public var message: String

    public init(_ code: Code, host: String? = nil, _ message: String) {
        self.code = code
        self.host = host
        self.message = message
    }

    public var description: String { (host.map { "\($0): " } ?? "") + message }
}
