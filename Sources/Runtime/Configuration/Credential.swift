/// A user's password as the configuration gives it. Printing it shows where it lies, never what it is.
public enum Credential: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The secret itself, as existing Patroni files have it.
    case inline(String)
    /// A file whose first line is the secret.
    case file(String)

    public var description: String {
        switch self {
        case .inline: "(a secret)"
        case .file(let path): "file \(path)"
        }
    }

    public var debugDescription: String { description }

    /// `dump` and `String(reflecting:)` of whatever holds a credential show no more than `description`.
    public var customMirror: Mirror { Mirror(self, children: ["credential": description]) }
}
