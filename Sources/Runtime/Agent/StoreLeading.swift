import Store
import Timekeeping

/// The store's leader is kept on another host than the cluster's (`pgadopt.store_leader_apart`).
extension Agent {
    /// Asks the server on this host when this member begins to lead and whenever the store's term has changed since;
    /// runs until the task is cancelled.
    func storeLeaderLoop(_ leader: StoreLeader) async {
        var pause = Self.firstMovePause
        var next = clock.now
        var settledTerm: UInt64?
        while !Task.isCancelled {
            try? await clock.sleep(until: clock.now + dynamic.loopWait, tolerance: nil)
            guard state.memory.leads, state.holdsLock(as: me) else {
                (pause, next, settledTerm) = (Self.firstMovePause, clock.now, nil)
                continue
            }
            let term = await leader.term()
            guard clock.now >= next, settledTerm == nil || term != settledTerm else { continue }
            do {
                switch try await leader.moveAway(timeout: dynamic.retryTimeout) {
                case .elsewhere:
                    settledTerm = term
                    continue
                case .nobodyElse: continue
                case .moved(let other): log.notice("the store's leader was on this host too; it is at \(other) now")
                }
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
