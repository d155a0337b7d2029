import Logging
import NIOCore
import NIOPosix
import Timekeeping

/// Starts, looks after and ends the relay of an agent. The relay has a thread of its own, and none while it is not
/// needed: a base backup must not stand between the lease and its renewal.
public actor RelayKeeper {
    public enum Status: Equatable, Sendable {
        case off
        /// - Parameter certificateEnd: seconds since 1970.
        case serving(port: Int, carried: Int, certificateEnd: Int64)
        case failed(RelayError)
    }

    private struct Running {
        var settings: RelaySettings
        var relay: ReplicationRelay
        var listener: any Channel
        var group: MultiThreadedEventLoopGroup
        /// When it was said first that nobody needs it any more.
        var unwantedSince: BootInstant?
    }

    private let limits: RelayLimits
    private let log: Logger
    private var running: Running?
    private var failure: RelayError?

    public init(limits: RelayLimits = .init(), log: Logger) {
        self.limits = limits
        self.log = log
    }

    public var status: Status {
        if let running {
            return .serving(
                port: running.listener.localAddress?.port ?? running.settings.port,
                carried: running.relay.carriedConnections, certificateEnd: running.relay.certificateEnd)
        }
        return failure.map { .failed($0) } ?? .off
    }

    /// Brings the relay to what is wanted; called with each cycle of the agent. Certificates that were renewed since
    /// are taken over.
    /// - Parameters:
    ///   - wanted: nil: the server can be reached without it.
    ///   - grace: for how long a relay that is not needed any more stays, so that the replicas, which learn of the
    ///     server's own address from the store, are never without a way.
    @discardableResult
    public func keep(_ wanted: RelaySettings?, grace: Duration, now: BootInstant) async -> Status {
        if let present = running {
            if let wanted, wanted != present.settings {
                await end("its settings have changed")
            } else if wanted == nil {
                let since = present.unwantedSince ?? now
                running?.unwantedSince = since
                if now - since >= grace { await end("the server listens where its replicas reach it") }
                return status
            } else {
                running?.unwantedSince = nil
                reload(present.relay)
                return status
            }
        }
        if let wanted { await begin(wanted) } else { failure = nil }
        return status
    }

    /// Ends it at once, with the agent.
    public func stop() async { await end("the agent ends") }

    private func begin(_ settings: RelaySettings) async {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do throws(RelayError) {
            let relay = try ReplicationRelay(settings, limits: limits, log: log)
            let listener = try await relay.start(on: group)
            running = Running(settings: settings, relay: relay, listener: listener, group: group)
            failure = nil
            log.notice(
                """
                the relay takes replication connections at \(settings.address) for the server, which listens on this \
                host only until its next restart
                """)
        } catch {
            if failure != error { log.error("no relay, so no replica can stream: \(error)") }
            failure = error
            Self.release(group)
        }
    }

    private func end(_ why: String) async {
        guard let present = running else { return }
        running = nil
        try? await present.listener.close()
        present.relay.endConnections()
        Self.release(present.group)
        log.notice("the relay at \(present.settings.address) has ended: \(why)")
    }

    /// Its connections may take seconds to say goodbye; nobody waits for that.
    private static func release(_ group: MultiThreadedEventLoopGroup) {
        Task { try? await group.shutdownGracefully() }
    }

    private func reload(_ relay: ReplicationRelay) {
        do throws(RelayError) {
            if try relay.reloadCertificates() { log.notice("the relay shows another certificate from now on") }
            failure = nil
        } catch {
            if failure != error { log.error("the relay goes on with the certificate it has: \(error)") }
            failure = error
        }
    }
}
