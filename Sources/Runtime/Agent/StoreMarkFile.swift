import Cluster
import Kernel
import Logging
import Store

/// Keeps on disk how far this member has followed the store, so that an agent that was restarted believes a store that
/// was restored from an old copy as little as the agent before it. Written beside everything else, and only when it is
/// worth it: an idle cluster writes nothing, a disk that is full or hangs stops nothing.
struct StoreMarkFile: Sendable {
    let path: String
    private let log: Logger

    init(_ path: String, log: Logger) {
        self.path = path
        self.log = log
    }

    static func read(from path: String) -> StoreMark? { (try? readSmallText(path)).flatMap(StoreMark.init(text:)) }

    /// Follows the store until the task is cancelled.
    func keep(_ store: ClusterStore) async {
        var kept = Self.read(from: path)
        var hasFailed = false
        for await state in await store.states() {
            if case .regressed = state {
                log.critical("to believe the store as it is now, remove \(path) on this host and restart the agent")
            }
            guard let mark = await store.mark(), mark.isWorthKeeping(after: kept) else { continue }
            do {
                try await write(mark)
                kept = mark
                hasFailed = false
            } catch {
                if !hasFailed { log.warning("how far the store was followed cannot be kept: \(error)") }
                hasFailed = true
            }
        }
    }

    private func write(_ mark: StoreMark) async throws {
        let path = path
        let bytes = Array(mark.text.utf8)
        try await onOwnThread { Result { () throws(KernelError) in try writeWhole(bytes, to: path) } }.get()
    }
}
