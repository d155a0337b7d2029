import Server
import Timekeeping

/// The probe of connections and writes, beside the decision loop: what it finds becomes part of the next observation.
extension Agent {
    /// Probes until the task is cancelled. A frozen or hung server is found within one interval and one limit.
    func probeLoop() async {
        while !Task.isCancelled {
            let before = await parts.server.probe.report
            let now = await parts.server.probe.probe(by: clock.now + probeLimit)
            if now.failsSince != before.failsSince {
                if let complaint = now.complaint, before.failsSince == nil, now.failsSince != nil {
                    log.warning("\(complaint)")
                }
                bell.ring()
            }
            try? await clock.sleep(until: clock.now + probeInterval, tolerance: nil)
        }
    }

    /// How long a healthy server may take for one connection and one flush.
    private var probeLimit: Duration { max(.seconds(1), dynamic.loopWait) }

    private var probeInterval: Duration { max(.seconds(1), dynamic.loopWait / 2) }
}
