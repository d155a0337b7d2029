import Glibc

/// Small files read and written by plain system calls, so that the guard needs no Foundation.

func closeDescriptor(_ fd: Int32) { _ = close(fd) }

/// The bytes of a small file such as one of /proc. Blocks: not for files on a disk that may hang.
/// - Parameter limit: bytes read at most.
public func readSmallFile(_ path: String, limit: Int = 1 << 20) throws(KernelError) -> [UInt8] {
    let fd = open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { throw KernelError("open \(path)", errno: errno) }
    defer { closeDescriptor(fd) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while bytes.count < limit {
        let count = read(fd, &buffer, min(buffer.count, limit - bytes.count))
        if count == 0 { break }
        if count < 0 {
            if errno == EINTR { continue }
            throw KernelError("read \(path)", errno: errno)
        }
        bytes += buffer[..<count]
    }
    return bytes
}

/// The text of a small file; bytes that are not UTF-8 are replaced.
public func readSmallText(_ path: String) throws(KernelError) -> String {
    String(decoding: try readSmallFile(path), as: UTF8.self)
}

/// Where a symbolic link leads, as the kernel tells it; for /proc/PID/cwd this touches no file system.
/// Nil when there is no such link, or it may not be read.
public func linkTarget(_ path: String) -> String? {
    var buffer = [UInt8](repeating: 0, count: 4097)
    let count = buffer.withUnsafeMutableBytes { readlink(path, $0.baseAddress!, $0.count) }
    guard count > 0 else { return nil }
    return String(decoding: buffer[..<count], as: UTF8.self)
}
