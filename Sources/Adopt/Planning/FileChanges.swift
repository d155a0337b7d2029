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

/// `{"managedBlock": ["...", ...]}` or `{"appendLine": "..."}`
extension FileEdit.Edit {
    private enum CodingKeys: String, CodingKey { case managedBlock, appendLine }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .managedBlock(let lines): try container.encode(lines, forKey: .managedBlock)
        case .appendLine(let line): try container.encode(line, forKey: .appendLine)
        }
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if let lines = try container.decodeIfPresent([String].self, forKey: .managedBlock) {
            self = .managedBlock(lines)
        } else {
            self = .appendLine(try container.decode(String.self, forKey: .appendLine))
        }
    }
}
