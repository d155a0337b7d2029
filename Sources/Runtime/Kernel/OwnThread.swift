import Dispatch
import Synchronization

/// Runs a call that blocks (name resolution, PQcancel, a file on a disk that may hang) on a thread of its own, never
/// on the cooperative pool. When the task is cancelled this returns at once with CancellationError; the thread is left
/// to end by itself.
public func onOwnThread<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async throws -> Result {
    let once = Once<Result>()
    return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { continuation in
            once.set(continuation)
            DispatchQueue(label: "pgadopt.blocking").async { once.resume(.success(body())) }
        }
    } onCancel: {
        once.resume(.failure(CancellationError()))
    }
}

/// A continuation that is resumed by whoever comes first.
private final class Once<Value: Sendable>: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Value, any Error>?
        var early: Result<Value, any Error>?
        var isDone = false
    }
    private let state = Mutex(State())

    func set(_ continuation: CheckedContinuation<Value, any Error>) {
        let early = state.withLock { state in
            if state.early == nil { state.continuation = continuation }
            return state.early
        }
        if let early { continuation.resume(with: early) }
    }

    func resume(_ result: Result<Value, any Error>) {
        let continuation = state.withLock { state -> CheckedContinuation<Value, any Error>? in
            guard !state.isDone else { return nil }
            state.isDone = true
            if state.continuation == nil { state.early = result }
            defer { state.continuation = nil }
            return state.continuation
        }
        continuation?.resume(with: result)
    }
}
