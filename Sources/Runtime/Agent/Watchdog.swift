import Configuration
import Glibc
import HACore

/// The kernel's watchdog device, beside the guard: it resets the host when nobody tells it otherwise in time, also
/// when the kernel hangs so badly that no process gets to stop PostgreSQL.
///
/// It is opened when this member begins to lead and fed each time the lease was confirmed, so that it fires before
/// the lease can run out; it is closed with the byte that disarms it when the server cannot be writable any more.
/// https://docs.kernel.org/watchdog/watchdog-api.html
actor Watchdog {
    private let settings: AgentConfiguration.Watchdog
    private let device: any WatchdogDevice
    private var isOpen = false
    private var timeout: Duration = .zero
    private var failure: String?

    init(_ settings: AgentConfiguration.Watchdog, device: any WatchdogDevice) {
        self.settings = settings
        self.device = device
    }

    /// - Parameter ttl: the timeout must fit into it.
    func observation(ttl: Duration) -> WatchdogObservation {
        guard settings.mode != .off else { return .absent }
        let wanted = settings.timeout(ttl: ttl)
        guard wanted >= .seconds(1) else {
            return .failed("a ttl of \(ttl.components.seconds) s leaves no time for the watchdog's safety margin")
        }
        if isOpen { return .active }
        if let failure { return .failed(failure) }
        if let problem = device.problem() { return device.exists ? .failed(problem) : .absent }
        return .ready
    }

    /// The guard holds a deadline: opened if need be, and fed.
    /// - Parameter remaining: what is left until the deadline. A guard that is started anew may be told an old one;
    ///   counting a whole timeout from then would let the device fire after the lease has ended.
    /// - Throws: `WatchdogError` when the device cannot be used; nothing is open then.
    func feed(ttl: Duration, remaining: Duration) throws(WatchdogError) {
        guard settings.mode != .off else { return }
        let wanted = settings.timeout(ttl: ttl)
        if isOpen, remaining + ttl / 6 < wanted { return }
        do {
            if !isOpen {
                guard device.exists else { return }
                try device.open()
                isOpen = true
            }
            if timeout != wanted {
                try device.set(timeout: wanted)
                timeout = wanted
            }
            try device.keepAlive()
            failure = nil
        } catch {
            failure = error.message
            close()
            throw error
        }
    }

    /// Disarms it.
    func close() {
        guard isOpen else { return }
        device.close()
        isOpen = false
        timeout = .zero
    }
}

struct WatchdogError: Error, Equatable, CustomStringConvertible {
    var message: String
    var description: String { message }
}

protocol WatchdogDevice: Sendable {
    var exists: Bool { get }
    /// Why it could not be opened, as far as that can be told without arming it.
    func problem() -> String?
    func open() throws(WatchdogError)
    func set(timeout: Duration) throws(WatchdogError)
    func keepAlive() throws(WatchdogError)
    func close()
}

extension Watchdog {
    static func real(_ settings: AgentConfiguration.Watchdog) -> Watchdog {
        Watchdog(settings, device: KernelWatchdog(path: settings.device))
    }
}
