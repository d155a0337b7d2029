import HACore
import Timekeeping

/// The kernel's watchdog device of a host: it counts whatever becomes of the processes, and resets the host.
final class ModelWatchdog {
    private unowned let host: Host
    private var firesAt: Span?

    init(on host: Host) { self.host = host }

    static func timeout(_ ttl: Span) -> Span { max(ttl - .s(5), ttl * 5 / 6) }

    func feed() {
        let world = host.world
        let moment = world.now + Self.timeout(world.options.ttl)
        firesAt = moment
        world.at(moment) { [weak self] in self?.fire(moment) }
    }

    func close() { firesAt = nil }

    private func fire(_ moment: Span) {
        guard firesAt == moment, host.isUp else { return }
        guard !host.isStalled else {
            let later = host.world.now + .ms(100)
            firesAt = later
            return host.world.at(later) { [weak self] in self?.fire(later) }
        }
        firesAt = nil
        host.world.note("\(host.name): reset by its watchdog")
        host.powerOff()
        host.world.after(.s(20)) { [weak host] in host?.powerOn() }
    }
}

/// The agent's `Watchdog`.
extension ModelAgent {
    var watchdogObservation: WatchdogObservation {
        guard options.watchdog != .off, options.hasWatchdog[host.index] else { return .absent }
        return hasOpenedWatchdog ? .active : .ready
    }

    func feedWatchdog(until deadline: BootInstant) {
        guard watchdogObservation != .absent else { return }
        let isLong = deadline - host.clock + (options.ttl / 6).duration >= ModelWatchdog.timeout(options.ttl).duration
        if hasOpenedWatchdog, !isLong { return }
        hasOpenedWatchdog = true
        host.watchdog.feed()
    }

    func closeWatchdog() {
        guard hasOpenedWatchdog else { return }
        hasOpenedWatchdog = false
        host.watchdog.close()
    }
}
