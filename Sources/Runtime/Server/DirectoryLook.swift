import HACore
import Kernel
import PostgresModel
import Timekeeping

/// What an observation reads from the data directory's disk, in one go.
struct DirectoryLook: Sendable {
    var exists: Bool
    /// Nil: cannot be listed; `failure` tells why.
    var isEmpty: Bool?
    var failure: String?
    var hasStandbySignal: Bool
    var newestTimeline: ServerObservation.TimelineOrigin?
    var isHalfRewound: Bool
    var postmaster: PostmasterFile?

    /// Blocks as long as the disk does.
    init(_ directory: String, rewindMarker: String, _ files: Files) {
        exists = files.exists(directory)
        do {
            isEmpty = try !exists || files.names(in: directory).isEmpty
        } catch {
            failure = "\(error)"
        }
        hasStandbySignal = ["standby.signal", "recovery.signal"].contains { files.exists("\(directory)/\($0)") }
        newestTimeline = Self.newestTimeline(in: "\(directory)/pg_wal", files)
        isHalfRewound = files.exists(rewindMarker)
        postmaster = (try? readSmallText("\(directory)/postmaster.pid")).flatMap(PostmasterFile.init(parsing:))
    }

    /// From the newest history file in pg_wal: its last line names the timeline before and where that ended.
    private static func newestTimeline(in directory: String, _ files: Files) -> ServerObservation.TimelineOrigin? {
        let names = ((try? files.names(in: directory)) ?? []).filter { $0.count == 16 && $0.hasSuffix(".history") }
        guard let newest = names.max(), let number = UInt32(newest.prefix(8), radix: 16),
            let text = try? readSmallText("\(directory)/\(newest)"),
            let start = TimelineHistory(timeline: Timeline(number), parsing: text).entries.last?.end
        else { return nil }
        return .init(timeline: Timeline(number), start: start)
    }
}

/// Looks at the data directory on a thread of its own: a disk that hangs must not hold up the decisions.
actor DirectoryReader {
    private let directory: String
    private let rewindMarker: String
    private let files: Files
    /// A look that has not come back; there is never a second beside it.
    private var isHanging = false

    init(_ directory: String, rewindMarker: String, _ files: Files) {
        self.directory = directory
        self.rewindMarker = rewindMarker
        self.files = files
    }

    /// Nil when the disk does not answer in time.
    func look(by deadline: BootInstant, on clock: any BootTimeClock) async -> DirectoryLook? {
        guard !isHanging else { return nil }
        isHanging = true
        let (directory, rewindMarker, files) = (directory, rewindMarker, files)
        return try? await withDeadline(deadline, on: clock, waitingFor: "the disk") {
            try await onOwnThread {
                let look = DirectoryLook(directory, rewindMarker: rewindMarker, files)
                Task { await self.cameBack() }
                return look
            }
        }
    }

    private func cameBack() { isHanging = false }
}
