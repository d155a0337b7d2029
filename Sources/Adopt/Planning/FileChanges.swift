/// A file of our own, written whole.
public struct FileWrite: Codable, Equatable, Sendable {
    public var path: String
    /// The OS user (and its primary group) that owns it.
    public var owner: String
    /// Octal, such as `0644`.
    public var mode: String
    public var content: String

    public init(path: String, owner: String = "root", mode: String = "0644", content: String) {
        self.path = path
        self.owner = owner
        self.mode = mode
        self.content = content
    }
}

/// A change to a file of the owner's: only what is added is recorded, the rest stays what it is on the host.
public struct FileEdit: Codable, Equatable, Sendable {
    public enum Edit: Codable, Equatable, Sendable {
        /// A block between our two marker lines, at the top of the file; replaced if it is there.
        case managedBlock([String])
        /// One line at the end of the file.
        case appendLine(String)
    }

    public var path: String
    public var edit: Edit
    /// SHA-256 of the file before and after, hexadecimal.
    public var digestBefore: String
    public var digestAfter: String
    /// Unified diff for people; values that look like secrets are masked.
    public var diff: String

    public init(path: String, edit: Edit, digestBefore: String, digestAfter: String, diff: String) {
        self.path = path
        self.edit = edit
        self.digestBefore = digestBefore
        self.digestAfter = digestAfter
        self.diff = diff
    }
}
