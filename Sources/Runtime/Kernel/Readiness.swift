import Dispatch
import Glibc
import Synchronization

/// What to wait for on a descriptor.
public enum Readiness: Sendable { case read, write }

/// Returns when `fileDescriptor` can be read (or has reached its end). Throws CancellationError.
/// The descriptor must stay open until this returns.
public func readable(_ fileDescriptor: Int32) async throws { try await ready(fileDescriptor, for: .read) }

/// Returns when `fileDescriptor` can be written. Throws CancellationError.
public func writable(_ fileDescriptor: Int32) async throws { try await ready(fileDescriptor, for: .write) }

/// Waits by a Dispatch source, so that no thread of the cooperative pool is held.
public func ready(_ fileDescriptor: Int32, for readiness: Readiness) async throws {
    let wait = ReadinessWait(fileDescriptor, readiness)
    try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { wait.begin($0) }
    } onCancel: {
        wait.cancel()
    }
}

/// Dispatch sources may be used from any thread (dispatch_source_cancel(3)); the overlay does not say so.
private struct Source: @unchecked Sendable {
    let source: any DispatchSourceProtocol
}

/// One wait: a source that fires once. The continuation is resumed by the source's cancel handler, because only
/// after that handler has run may the caller close the descriptor.
private final class ReadinessWait: Sendable {
    private struct State {
        var isCancelled = false
        var hasFired = false
        var source: Source?
    }

    private let fileDescriptor: Int32
    private let readiness: Readiness
    private let state = Mutex(State())

    init(_ fileDescriptor: Int32, _ readiness: Readiness) {
        self.fileDescriptor = fileDescriptor
        self.readiness = readiness
    }

    func begin(_ continuation: CheckedContinuation<Void, any Error>) {
        let made = Source(source: makeSource())
        made.source.setEventHandler { [self] in
            state.withLock { $0.hasFired = true }
            made.source.cancel()
        }
        made.source.setCancelHandler { [self] in
            let hasFired = state.withLock { state in
                state.source = nil
                return state.hasFired
            }
            if hasFired { continuation.resume() } else { continuation.resume(throwing: CancellationError()) }
        }
        let cancelNow = state.withLock { state in
            state.source = made
            return state.isCancelled
        }
        made.source.activate()
        if cancelNow { made.source.cancel() }
    }

    func cancel() {
        let source = state.withLock { state in
            state.isCancelled = true
            return state.source
        }
        source?.source.cancel()
    }

    private func makeSource() -> any DispatchSourceProtocol {
        let queue = DispatchQueue.global(qos: .userInitiated)
        switch readiness {
        case .read: return DispatchSource.makeReadSource(fileDescriptor: fileDescriptor, queue: queue)
        case .write: return DispatchSource.makeWriteSource(fileDescriptor: fileDescriptor, queue: queue)
        }
    }
}
