import Crypto
import FoundationEssentials
import Glibc
import Shell

/// How an uploaded file is to look.
public struct FileAttributes: Equatable, Sendable {
    /// Nil: the account that writes it.
    public var owner: String?
    public var group: String?
    /// Permission bits, such as 0o640.
    public var mode: UInt16

    public init(owner: String? = nil, group: String? = nil, mode: UInt16 = 0o644) {
        self.owner = owner
        self.group = group
        self.mode = mode
    }
}

extension SSHHost {
    /// Puts a file in place at once: whoever opens `path` sees the old content or all of the new, never a part.
    ///
    /// The bytes go to a temporary file beside it, are compared by SHA-256 on the host, flushed to disk and renamed.
    /// A connection that breaks leaves the old file; the temporary one removes itself.
    /// - Parameter progress: called with the bytes sent so far.
    /// - Throws: ``SSHError``; `upload` when the host could not write or checked another sum.
    public func upload(
        _ bytes: [UInt8], to path: String, attributes: FileAttributes = .init(), as account: Account = .login,
        deadline: Duration = .seconds(60), progress: (@Sendable (Int) -> Void)? = nil
    ) async throws {
        let (first, rest) = CommandInput.bytes(bytes, progress: progress)
        let sum = hexadecimal(SHA256.hash(data: bytes))
        try await upload(first, rest, sum, to: path, attributes, account, deadline)
    }

    /// The same for a local file of any size; only a piece of it is in memory at a time.
    public func uploadFile(
        _ local: String, to path: String, attributes: FileAttributes = .init(), as account: Account = .login,
        deadline: Duration = .seconds(600), progress: (@Sendable (Int) -> Void)? = nil
    ) async throws {
        let sum = await onThread { try? LocalFile(local).sum() }
        guard let sum, let file = try? LocalFile(local) else {
            throw SSHError(.argument, host: hostName, "the local file \(local), to be uploaded, cannot be read.")
        }
        let input = CommandInput(next: { try file.next() }, progress: progress)
        try await upload([], input, sum, to: path, attributes, account, deadline)
    }

    private func upload(
        _ first: [UInt8], _ rest: CommandInput, _ sum: String, to path: String, _ attributes: FileAttributes,
        _ account: Account, _ deadline: Duration
    ) async throws {
        guard path.hasPrefix("/"), !path.hasSuffix("/") else {
            throw SSHError(.argument, host: hostName, "an upload needs an absolute path of a file, not '\(path)'.")
        }
        let script = Self.uploadScript(path: path, sum: sum, attributes)
        let result = try await run(script, as: account, first: first, input: rest, deadline: deadline)
        guard result.succeeded else {
            let words = result.errorOutput.split(whereSeparator: \.isNewline).joined(separator: " | ")
            throw SSHError(.upload, host: hostName, """
                \(path) was not written (exit code \(result.status)): \(words). The old file, if there was one, is as it was.
                """)
        }
    }

    static func uploadScript(path: String, sum: String, _ attributes: FileAttributes) -> String {
        let slash = path.lastIndex(of: "/")!
        let folder = slash == path.startIndex ? "/" : String(path[..<slash])
        let name = String(path[path.index(after: slash)...])
        let owner = (attributes.owner ?? "") + (attributes.group.map { ":\($0)" } ?? "")
        let mode = String(attributes.mode, radix: 8)
        var lines = [
            "set -e; umask 077; p=\(quoted(path)); d=\(quoted(folder))",
            "if [ -d \"$p\" ]; then echo \"$p is a directory\" >&2; exit 73; fi",
            "t=$(mktemp \"$d\"/\(quoted(".\(name).XXXXXXXX")))",
            "trap 'rm -f \"$t\"' EXIT; trap 'exit 129' HUP INT TERM PIPE",
            "cat > \"$t\"; s=$(sha256sum < \"$t\"); s=${s%% *}",
            "if [ \"$s\" != \(sum) ]; then echo \"checksum differs: sent \(sum), arrived $s\" >&2; exit 65; fi",
        ]
        if !owner.isEmpty { lines.append("chown \(quoted(owner)) \"$t\"") }
        // sync FILE is fsync with coreutils 8.24 and later; older ones flush everything.
        lines += [
            "chmod \(mode) \"$t\"; sync \"$t\" 2>/dev/null || sync",
            "mv -f \"$t\" \"$p\"; sync \"$d\" 2>/dev/null || sync; trap - EXIT",
        ]
        return lines.joined(separator: "\n")
    }
}

private func hexadecimal(_ digest: SHA256.Digest) -> String {
    digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// A local file read in pieces, by one reader at a time.
private final class LocalFile: Sendable {
    private let descriptor: Int32

    init(_ path: String) throws(SSHFileProblem) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 { throw SSHFileProblem() }
    }

    deinit { close(descriptor) }

    func next() throws(SSHFileProblem) -> [UInt8]? {
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: 1 << 20) { buffer, count in
            let got = read(descriptor, buffer.baseAddress!, 1 << 20)
            failed = got < 0
            count = max(0, got)
        }
        if failed { throw SSHFileProblem() }
        return bytes.isEmpty ? nil : bytes
    }

    func sum() throws(SSHFileProblem) -> String {
        var hash = SHA256()
        while let bytes = try next() { hash.update(data: bytes) }
        return hexadecimal(hash.finalize())
    }
}

private struct SSHFileProblem: Error {}
