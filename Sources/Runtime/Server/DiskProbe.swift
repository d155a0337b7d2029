import Glibc
import Kernel

/// Asks the file systems of the data directory and of pg_wal whether they take data. PostgreSQL's log often lies in
/// segments that are there already, so a full disk would show only when a table grows.
///
/// An unnamed file (O_TMPFILE) takes 64 KiB and is gone when it is closed, whatever happens to us in between.
actor DiskProbe {
    private let directories: [String]
    private var isWaiting = false

    init(dataDirectory: String) {
        directories = [dataDirectory, "\(dataDirectory)/pg_wal"]
    }

    /// Why nothing can be written; nil when it can, when it is not for us to try, or while an earlier try still
    /// hangs (the server's own flush tells that).
    func complaint() async -> String? {
        guard !isWaiting else { return nil }
        isWaiting = true
        defer { isWaiting = false }
        let directories = directories
        return try? await onOwnThread {
            for directory in directories {
                if let complaint = Self.complaint(of: directory) { return complaint }
            }
            return nil
        }
    }

    private static let leastSpace = UInt64(512 << 10)

    /// Blocks as long as the disk does.
    static func complaint(of directory: String) -> String? {
        var space = statvfs()
        if statvfs(directory, &space) != 0 { space.f_blocks = 0 }
        // What is left for the owner's user: root could still write into the reserve, PostgreSQL cannot. A table
        // grows by up to 64 pages at once. File systems without a notion of blocks tell a size of zero.
        let left = UInt64(space.f_bavail) * UInt64(space.f_frsize)
        if space.f_blocks > 0, left < leastSpace {
            return "no space is left on the file system of \(directory): \(left / 1024) kB"
        }
        let temporary = Int32(0o20000000 | O_DIRECTORY)
        let fd = open(directory, temporary | O_WRONLY | O_CLOEXEC, 0o600)
        guard fd >= 0 else { return failure(errno, directory) }
        defer { close(fd) }
        let bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = bytes.withUnsafeBytes { write(fd, $0.baseAddress, $0.count) }
        return count < 0 ? failure(errno, directory) : nil
    }

    /// Only what tells of the disk; no permission or no such kind of file is not its fault.
    private static func failure(_ error: Int32, _ directory: String) -> String? {
        switch error {
        case ENOSPC, EDQUOT, EROFS, EIO, ENXIO, ENODEV:
            "the file system of \(directory) cannot be written: \(String(cString: strerror(error)))"
        default: nil
        }
    }
}
