import HACore
import PostgresModel
import Timekeeping

/// The agent's `probeLoop`: whether a write ends within its limit.
extension ModelAgent {
    func probe() {
        let began = host.clock
        let interval = max(Span.s(1), options.loopWait / 2)
        guard postgres.isWriteHung, postgres.isUp, !postgres.isRecovery else {
            took(hangsSince: nil)
            return after(interval) { [weak self] in self?.probe() }
        }
        after(max(.s(1), options.loopWait)) { [weak self] in
            guard let self else { return }
            if postgres.isWriteHung, postgres.isUp, !postgres.isRecovery { took(hangsSince: writesHangSince ?? began) }
            after(interval) { [weak self] in self?.probe() }
        }
    }

    private func took(hangsSince: BootInstant?) {
        guard hangsSince != writesHangSince else { return }
        writesHangSince = hangsSince
        ring()
    }
}
