import Glibc
import Kernel

/// Writes a file as a whole: a new one beside it, flushed, renamed over it. On disk when this returns.
func writeWhole(_ bytes: [UInt8], to path: String) throws(KernelError) {
    let temporary = path + ".new"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw KernelError("writing \(temporary)", errno: errno) }
    let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    let isSafe = written == bytes.count && fsync(descriptor) == 0
    close(descriptor)
    guard isSafe, rename(temporary, path) == 0 else { throw KernelError("writing \(path)", errno: errno) }
}
