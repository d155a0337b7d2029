/// One key's value with what etcd knows about it.
public struct StoredValue: Sendable, Equatable {
    public var value: [UInt8]
    /// etcd's revision at which the key was created.
    public var createRevision: Int64
    /// etcd's revision at which the value was last written; what a compare-and-set needs.
    public var modRevision: Int64
    /// The lease the key hangs on, 0 for none.
    public var lease: Int64

    public init(value: [UInt8], createRevision: Int64 = 0, modRevision: Int64 = 0, lease: Int64 = 0) {
        self.value = value
        self.createRevision = createRevision
        self.modRevision = modRevision
        self.lease = lease
    }
}
