/// Files that an apply makes on the control host.
public struct LocalFiles: Sendable {
    /// Writes a file whole or not at all, readable by the operator only; makes its directory where it is missing.
    public var write: @Sendable (_ path: String, _ bytes: [UInt8]) throws -> Void
    /// Removes a file, if it is there, and its directory once nothing is left in it.
    public var remove: @Sendable (_ path: String) throws -> Void

    public init(
        write: @escaping @Sendable (String, [UInt8]) throws -> Void,
        remove: @escaping @Sendable (String) throws -> Void
    ) {
        self.write = write
        self.remove = remove
    }

    /// Nothing can be written.
    public static let none = LocalFiles(
        write: { path, _ in throw ExecutionError(.localFile, "\(path) cannot be written here") },
        remove: { path in throw ExecutionError(.localFile, "\(path) cannot be removed here") })
}
