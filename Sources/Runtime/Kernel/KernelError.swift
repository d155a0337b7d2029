import Glibc

/// A call to the kernel that failed.
public struct KernelError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: Equatable, Sendable {
        /// No such process or file (ESRCH, ENOENT).
        case notFound
        /// EPERM, EACCES.
        case notPermitted
        case other
    }

    public var code: Code
    /// The number of `errno(3)`.
    public var errno: Int32
    /// What was tried, with the name of the file or process.
    public var attempt: String

    /// - Parameter errno: positive, as in errno(3).
    public init(_ attempt: String, errno: Int32) {
        self.attempt = attempt
        self.errno = errno
        switch errno {
        case ESRCH, ENOENT: code = .notFound
        case EPERM, EACCES: code = .notPermitted
        default: code = .other
        }
    }

    public var description: String { "\(attempt): \(String(cString: strerror(errno)))" }
}
