/// Hands the newest value to any number of readers. Owned by an actor.
struct Broadcast<Value: Sendable> {
    private var readers: [Int: AsyncStream<Value>.Continuation] = [:]
    private var nextID = 0

    /// A new reader's stream, beginning with `current`. `onEnd` is called with the id when the reader leaves.
    mutating func subscribe(
        current: Value, onEnd: @escaping @Sendable (Int) -> Void
    ) -> AsyncStream<Value> {
        let (stream, continuation) = AsyncStream.makeStream(of: Value.self, bufferingPolicy: .bufferingNewest(1))
        let id = nextID
        nextID += 1
        readers[id] = continuation
        continuation.onTermination = { _ in onEnd(id) }
        continuation.yield(current)
        return stream
    }

    mutating func remove(_ id: Int) { readers[id] = nil }

    func send(_ value: Value) {
        for reader in readers.values { reader.yield(value) }
    }
}
