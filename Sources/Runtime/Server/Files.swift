import Glibc
import Kernel

/// The few changes of files the server needs. Blocking calls on the data directory's disk: the agent runs
/// operations in a task of their own, so that a hung disk stops the operation and not the decisions.
struct Files: Sendable {
    /// Owner of what is created; nil: ours.
    var user: OSUser?

    func exists(_ path: String) -> Bool {
        var info = stat()
        return lstat(path, &info) == 0
    }

    /// Names in a directory without `.` and `..`.
    func names(in path: String) throws -> [String] {
        guard let directory = opendir(path) else { throw failure("read the directory", path) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// In bytes; 0 when there is none.
    func size(of path: String) -> Int {
        var info = stat()
        return stat(path, &info) == 0 ? Int(info.st_size) : 0
    }

    /// What was appended to a file since it had `offset` bytes, the last 64 KiB of it. Empty when it cannot be read.
    func text(of path: String, from offset: Int) -> String {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return "" }
        defer { close(fd) }
        let start = max(offset, size(of: path) - (64 << 10))
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = pread(fd, &bytes, bytes.count, off_t(start))
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : ""
    }

    /// Writes a file as a whole: a new one beside it, flushed, renamed over it.
    func write(_ text: String, to path: String, mode: mode_t = 0o600) throws {
        try write(bytes: Array(text.utf8), to: path, mode: mode)
    }

    func write(bytes: [UInt8], to path: String, mode: mode_t = 0o600) throws {
        let temporary = "\(path).pgadopt-new"
        let fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard fd >= 0 else { throw failure("create", temporary) }
        var bytes = bytes[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(fd, $0.baseAddress, $0.count) }
            guard count > 0 else {
                close(fd)
                throw failure("write", temporary)
            }
            bytes = bytes.dropFirst(count)
        }
        let flushed = fchmod(fd, mode) == 0 && fsync(fd) == 0
        close(fd)
        guard flushed else { throw failure("flush", temporary) }
        try own(temporary)
        try move(temporary, to: path)
    }

    func remove(_ path: String) throws {
        guard unlink(path) == 0 || errno == ENOENT else { throw failure("remove", path) }
    }

    func move(_ path: String, to other: String) throws {
        guard rename(path, other) == 0 else { throw failure("rename to \(other)", path) }
    }

    func makeDirectory(_ path: String, mode: mode_t = 0o700) throws {
        guard mkdir(path, mode) == 0 || errno == EEXIST else { throw failure("create the directory", path) }
        try own(path)
    }

    private func own(_ path: String) throws {
        guard let user, geteuid() == 0 else { return }
        guard chown(path, user.uid, user.gid) == 0 else { throw failure("give to \(user.name)", path) }
    }

    private func failure(_ attempt: String, _ path: String) -> ServerError {
        ServerError(.files, "\(KernelError("\(attempt) \(path)", errno: errno))")
    }
}

/// The path with symbolic links followed; the path itself when that fails.
func realPath(_ path: String) -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
}

/// Wall time in UTC as `20261122T160000Z`.
@Sendable public func wallTimestamp() -> String {
    var now = time(nil)
    var parts = tm()
    gmtime_r(&now, &parts)
    var text = [CChar](repeating: 0, count: 32)
    let count = strftime(&text, text.count, "%Y%m%dT%H%M%SZ", &parts)
    return String(decoding: text.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
}
