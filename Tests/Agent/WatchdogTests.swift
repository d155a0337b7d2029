import Configuration
import HACore
import Synchronization
import Testing

@testable import Agent

@Suite struct WatchdogTests {
    /// Writes down what is done to it.
    private final class Recorder: WatchdogDevice {
        let done = Mutex<[String]>([])
        let refusal: String?
        let exists: Bool

        init(exists: Bool = true, refusal: String? = nil) {
            self.exists = exists
            self.refusal = refusal
        }

        private func note(_ what: String) throws(WatchdogError) {
            done.withLock { $0.append(what) }
            if what == refusal { throw WatchdogError(message: "no \(what)") }
        }

        func problem() -> String? { exists ? nil : "not there" }
        func open() throws(WatchdogError) { try note("open") }
        func set(timeout: Duration) throws(WatchdogError) { try note("timeout \(timeout.components.seconds)") }
        func keepAlive() throws(WatchdogError) { try note("feed") }
        func close() { done.withLock { $0.append("close") } }
    }

    private let ttl = Duration.seconds(30)

    @Test func itIsArmedByTheFirstConfirmedLeaseAndDisarmedAtTheEnd() async throws {
        let device = Recorder()
        let watchdog = Watchdog(.init(mode: .required), device: device)
        #expect(await watchdog.observation(ttl: ttl) == .ready)
        #expect(device.done.withLock { $0 } == [], "looking does not arm it")
        try await watchdog.feed(ttl: ttl, remaining: .seconds(28))
        try await watchdog.feed(ttl: ttl, remaining: .seconds(28))
        #expect(await watchdog.observation(ttl: ttl) == .active)
        try await watchdog.feed(ttl: .seconds(20), remaining: .seconds(18))
        await watchdog.close()
        await watchdog.close()
        #expect(device.done.withLock { $0 } == [
            "open", "timeout 25", "feed", "feed", "timeout 16", "feed", "close",
        ])
    }

    @Test func anOldDeadlineIsNotFedAgain() async throws {
        let device = Recorder()
        let watchdog = Watchdog(.init(mode: .required), device: device)
        try await watchdog.feed(ttl: ttl, remaining: .seconds(12))
        try await watchdog.feed(ttl: ttl, remaining: .seconds(12))
        try await watchdog.feed(ttl: ttl, remaining: .seconds(28))
        #expect(device.done.withLock { $0 } == ["open", "timeout 25", "feed", "feed"])
    }

    @Test func aDeviceThatRefusesIsClosedAndSaidToHaveFailed() async {
        let device = Recorder(refusal: "timeout 25")
        let watchdog = Watchdog(.init(mode: .automatic), device: device)
        await #expect(throws: WatchdogError.self) { try await watchdog.feed(ttl: ttl, remaining: .seconds(28)) }
        #expect(await watchdog.observation(ttl: ttl) == .failed("no timeout 25"))
        #expect(device.done.withLock { $0.last } == "close")
    }

    @Test func whereThereIsNoneNothingIsDone() async throws {
        let device = Recorder(exists: false)
        let watchdog = Watchdog(.init(mode: .automatic), device: device)
        #expect(await watchdog.observation(ttl: ttl) == .absent)
        try await watchdog.feed(ttl: ttl, remaining: .seconds(28))
        #expect(device.done.withLock { $0 } == [])
        let off = Watchdog(.init(mode: .off), device: Recorder())
        #expect(await off.observation(ttl: ttl) == .absent)
    }

    @Test func aTtlTooShortForTheDeviceCannotBeWatched() async {
        let watchdog = Watchdog(.init(mode: .required), device: Recorder())
        guard case .failed = await watchdog.observation(ttl: .seconds(1)) else {
            Issue.record("the device counts whole seconds")
            return
        }
    }
}
