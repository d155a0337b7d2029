import Glibc
import Synchronization

/// `/dev/watchdog`.
final class KernelWatchdog: WatchdogDevice {
    private let path: String
    /// -1: not open. Used by the one actor that owns the device.
    private let descriptor = Atomic<Int32>(-1)

    init(path: String) { self.path = path }

    var exists: Bool { access(path, F_OK) == 0 }

    func problem() -> String? {
        access(path, W_OK) == 0 ? nil : "\(path) cannot be written (\(String(cString: strerror(errno))))"
    }

    func open() throws(WatchdogError) {
        let opened = Glibc.open(path, O_WRONLY | O_CLOEXEC)
        guard opened >= 0 else {
            let reason = errno == EBUSY ? "another program holds it" : String(cString: strerror(errno))
            throw WatchdogError(message: "\(path) cannot be opened: \(reason)")
        }
        descriptor.store(opened, ordering: .relaxed)
    }

    func set(timeout: Duration) throws(WatchdogError) {
        // _IOWR('W', 6, int): the same on all our architectures.
        let setTimeout: UInt = 0xC004_5706
        var seconds = Int32(clamping: timeout.components.seconds)
        guard ioctl(descriptor.load(ordering: .relaxed), setTimeout, &seconds) == 0 else {
            throw WatchdogError(message: "\(path) does not take a timeout (\(String(cString: strerror(errno))))")
        }
        guard seconds <= timeout.components.seconds else {
            let allowed = timeout.components.seconds
            throw WatchdogError(message: "\(path) fires after \(seconds) s at the earliest, a lease allows \(allowed) s")
        }
    }

    func keepAlive() throws(WatchdogError) {
        guard write(descriptor.load(ordering: .relaxed), "1", 1) == 1 else {
            throw WatchdogError(message: "\(path) cannot be fed (\(String(cString: strerror(errno))))")
        }
    }

    func close() {
        let open = descriptor.exchange(-1, ordering: .relaxed)
        guard open >= 0 else { return }
        // The magic byte: without it, closing lets the device fire.
        _ = write(open, "V", 1)
        Glibc.close(open)
    }
}
