import HACore
import Kernel
import Logging
import PostgresClient
import PostgresModel
import Timekeeping

/// The PostgreSQL of this member: seen, started, stopped and turned from role to role.
///
/// The postmaster need not be our child: it is known by postmaster.pid and its start time, watched by pidfd and
/// stopped by signals. Operations are not guarded against each other; the agent runs one at a time.
public actor LocalServer {
    public nonisolated let settings: ServerSettings
    /// Shows whether the server can write; works beside this actor, so that nothing here can hold it up.
    public nonisolated let probe: WriteProbe
    /// The operator's programs: the agent calls the callbacks, `promote` and `stop` theirs.
    public nonisolated let hooks: Hooks
    let clock: any BootTimeClock
    let log: Logger
    let runner: ProgramRunner
    let files: Files
    let directory: DirectoryReader
    /// For the moments when the disk does not answer.
    var lastStorage: ServerObservation.Storage?

    /// The postmaster we watch.
    var postmaster: ProcessHandle?
    /// True from our stop signal to the postmaster's end: such an end is no crash.
    var isStopping = false
    /// Our own crash recovery in single-user mode runs; what it shows of itself is no server.
    var isRecoveringAlone = false
    var crashedAt: BootInstant?
    var startingSince: BootInstant?
    var stoppingSince: BootInstant?
    var unresponsiveSince: BootInstant?
    /// The kept connection for observation.
    var connection: PostgresConnection?
    /// The last answer, for the moments when the server turns connections away for lack of room.
    var lastRunning: ServerObservation.Running?
    /// The end of a running standby's log and the timeline it belongs to, as last seen for certain.
    var standbyLog: (postmaster: ProcessIdentity, end: LSN, timeline: Timeline)?
    /// Control data of the running postmaster: what observation needs of it does not change under it.
    var control: (postmaster: ProcessIdentity, data: ControlData)?
    /// The configuration that was asked for last; nil: the settings' own `render` makes the include file.
    var wanted: ServerConfiguration?
    /// Names for the addresses standbys stream from.
    var members: [Upstream] = []
    private let exitEvents: AsyncStream<ProcessIdentity>.Continuation

    /// One element each time the watched postmaster has ended, within milliseconds, whoever ended it.
    public nonisolated let postmasterExits: AsyncStream<ProcessIdentity>

    public init(_ settings: ServerSettings, clock: any BootTimeClock = BootClock(), log: Logger) {
        self.settings = settings
        self.clock = clock
        self.log = log
        hooks = Hooks(settings, clock: clock, log: log)
        probe = WriteProbe(settings, clock: clock, log: log)
        runner = ProgramRunner(user: settings.user, clock: clock)
        files = Files(user: settings.user)
        directory = DirectoryReader(
            settings.dataDirectory, rewindMarker: settings.rewindMarker, Files(user: settings.user))
        (postmasterExits, exitEvents) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(8))
    }

    /// The other members, so that an observation can name the upstream.
    public func know(members: [Upstream]) { self.members = members }

    /// The postmaster of our data directory if one runs, ours or not; watches it from now on.
    @discardableResult
    public func adopt() -> ProcessIdentity? {
        if let postmaster, !postmaster.hasExited { return postmaster.identity }
        return adopt(postmasterFile())
    }

    func adopt(_ file: PostmasterFile?) -> ProcessIdentity? {
        if let postmaster, !postmaster.hasExited { return postmaster.identity }
        if isRecoveringAlone { return nil }
        guard let found = file?.runningPostmaster(in: realPath(settings.dataDirectory)) else { return nil }
        do {
            let handle = try ProcessHandle(found)
            watch(handle)
            log.info("watching the running postmaster", metadata: ["pid": "\(found.pid)"])
            return found
        } catch {
            // It ended in this moment.
            return nil
        }
    }

    func postmasterFile() -> PostmasterFile? {
        (try? readSmallText("\(settings.dataDirectory)/postmaster.pid")).flatMap(PostmasterFile.init(parsing:))
    }

    func watch(_ handle: ProcessHandle) {
        postmaster = handle
        isStopping = false
        stoppingSince = nil
        unresponsiveSince = nil
        Task { [weak self] in
            guard (try? await handle.exited()) != nil else { return }
            await self?.ended(handle.identity)
        }
    }

    /// Notes the end of the watched postmaster, once.
    func ended(_ identity: ProcessIdentity) {
        guard postmaster?.identity == identity else { return }
        postmaster = nil
        if !isStopping {
            crashedAt = clock.now
            log.error("the postmaster ended and it was not us who stopped it", metadata: ["pid": "\(identity.pid)"])
        }
        isStopping = false
        startingSince = nil
        stoppingSince = nil
        unresponsiveSince = nil
        connection = nil
        control = nil
        lastRunning = nil
        exitEvents.yield(identity)
    }

    // MARK: connections

    /// A new connection to the local server.
    func connect(by deadline: BootInstant) async throws -> PostgresConnection {
        try await PostgresConnection.connect(settings.localConnection(), by: deadline, clock: clock)
    }

    /// Runs a statement on the kept connection, which is opened anew when it was lost.
    func query(_ sql: String, _ parameters: [String?] = [], by deadline: BootInstant) async throws -> QueryResult {
        if let connection, await connection.isOpen {
            do {
                return try await connection.query(sql, parameters, by: deadline)
            } catch let error as PostgresError where error.code == .connectionLost {
                self.connection = nil
            }
        }
        let fresh = try await connect(by: deadline)
        connection = fresh
        return try await fresh.query(sql, parameters, by: deadline)
    }
}
