/// The little of the consensus store that steps need. The tool adapts its client to it; tests use a dictionary.
public protocol AdoptionStore: Sendable {
    /// Writes a key only if it does not exist. An ambiguous write must be read again before this returns.
    /// - Returns: true when this call made it.
    func createOnly(_ key: String, _ value: String) async throws -> Bool
    /// Keys and values below a prefix, read linearizably; the keys are whole.
    func read(prefix: String) async throws -> [String: String]
    /// Writes a key only while it has this value; somebody else's change makes it do nothing.
    func replace(_ key: String, ifValue value: String, with new: String) async throws
    /// Deletes a key only while it has this value.
    func delete(_ key: String, ifValue value: String) async throws
    /// Endpoints that do not serve now, each with the reason.
    func silentEndpoints() async -> [String: String]
}

extension AdoptionStore {
    public func silentEndpoints() async -> [String: String] { [:] }
}
