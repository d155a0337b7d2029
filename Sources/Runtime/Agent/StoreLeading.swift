import Store
import Timekeeping

/// The store's leader is kept on another host than the cluster's (`pgadopt.store_leader_apart`).
extension Agent {
    /// Looks once a cycle while this member leads, until the task is cancelled. One question to the server on this host.
    func storeLeaderLoop(_ leader: StoreLeader) async {
        var pause = Self.firstMovePause
        var next = clock.now
        while !Task.isCancelled {
            try? await clock.sleep(until: clock.now + dynamic.loopWait, tolerance: nil)
            guard state.memory.leads, state.holdsLock(as: me) else {
                (pause, next) = (Self.firstMovePause, clock.now)
                continue
            }
            guard clock.now >= next else { continue }
            do {
                guard let other = try await leader.moveAway(timeout: dynamic.retryTimeout) else { continue }
                log.notice("the store's leader was on this host too; it is at \(other) now")
            } catch {
                log.warning("the store's leader stays on this host: \(error)")
            }
            // Others may have reasons to bring it back: seldom, and ever more seldom.
            next = clock.now + pause
            pause = min(pause * 2, .seconds(86_400))
        }
    }

    private static let firstMovePause = Duration.seconds(600)
}
