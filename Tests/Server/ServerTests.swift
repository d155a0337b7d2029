import HACore
import PostgresModel
import Testing

@testable import Server

@Suite struct ReadingTests {
    @Test func controlDataIsRead() throws {
        let text = """
            pg_control version number:            1300
            Database system identifier:           7433015812345678901
            Database cluster state:               shut down in recovery
            Latest checkpoint location:           0/3000060
            Latest checkpoint's TimeLineID:       2
            Minimum recovery ending location:     0/30000D8
            Min recovery ending loc's timeline:   2
            wal_log_hints setting:                off
            max_connections setting:              100
            Data page checksum version:           1
            """
        let data = try #require(ControlData(parsing: text))
        #expect(data.systemIdentifier.rawValue == 7_433_015_812_345_678_901)
        #expect(data.clusterState == "shut down in recovery")
        #expect(data.isShutDown)
        #expect(data.checkpoint == LSN("0/3000060"))
        #expect(data.timeline == Timeline(2))
        #expect(data.minimumRecoveryEnd == LSN("0/30000D8"))
        #expect(data.hasChecksums)
        #expect(!data.walLogHints)
        #expect(data.settings["max_connections"] == 100)
        #expect(ControlData(parsing: "pg_controldata: error: could not open file") == nil)
    }

    @Test func thePostmastersFileIsRead() throws {
        let text = "4711\n/data\n1700000000\n5433\n/run/postgresql\nlocalhost\n  5433001    196617\nready   \n"
        let file = try #require(PostmasterFile(parsing: text))
        #expect(file.pid == 4711)
        #expect(file.port == 5433)
        #expect(file.socketDirectory == "/run/postgresql")
        #expect(file.status == .ready)
        #expect(PostmasterFile(parsing: "4711\n/data\n") == nil)
    }

    @Test func theOwnersOptionsAreCarriedOverAndOursAreNot() {
        let text = """
            /usr/lib/postgresql/15/bin/postgres "-D" "/data" "-c" "config_file=/etc/x.conf" "-c" "work_mem=7MB" \
            "--config-file=/y" "--shared_buffers=1GB" "-i" "-c" "archive_command=cp %p '/a b/%f'"

            """
        #expect(
            PostmasterOptions(parsingFile: text).carriedOver == [
                "-c", "work_mem=7MB", "--shared_buffers=1GB", "-i", "-c", "archive_command=cp %p '/a b/%f'",
            ])
    }

    @Test func connectionStringsSurviveTheirText() throws {
        let info = ConnectionString([("user", "rep"), ("passfile", "/a b/it's\\x"), ("application_name", "")])
        #expect(info.description == #"user=rep passfile='/a b/it\'s\\x' application_name=''"#)
        #expect(ConnectionString(parsing: info.description) == info)
        #expect(ConnectionString(parsing: " host = h1  port=5") == ConnectionString([("host", "h1"), ("port", "5")]))
        #expect(ConnectionString(parsing: "host='open") == nil)
        #expect(ConnectionString(parsing: "postgres") == nil)
    }

    @Test func progressIsReadFromTheLastLine() {
        let text = "    0/31000 kB (0%), 0/1 tablespace\r15500/31000 kB (50%), 0/1 tablespace (data/base/5/1)\r"
        #expect(BackupProgress(parsing: text) == .init(done: ByteCount(15500 << 10), total: ByteCount(31000 << 10)))
        #expect(BackupProgress(parsing: "waiting for checkpoint") == nil)
    }

    @Test func recordEndsAreFound() {
        let records = """
            rmgr: XLOG len (rec/tot): 114/ 114, tx: 0, lsn: 0/03000028, prev 0/02000110, desc: CHECKPOINT_SHUTDOWN
            pg_waldump: error: error in WAL record at 0/3000028: invalid record length at 0/30000A0: wanted 24, got 0
            """
        #expect(recordPositions(in: records) == [LSN("0/3000028"), LSN("0/30000A0")])
    }
}

@Suite struct DivergenceTests {
    private let leader = TimelineHistory(
        timeline: Timeline(3), parsing: "1\t0/3000000\tno recovery target specified\n\n2\t0/5000100\treason\n")

    @Test func theSameTimelineNeverDiverges() {
        #expect(Divergence.between(local: Timeline(3), end: LSN("9/0")!, leader: leader) == .none)
    }

    @Test func aLogThatEndsAtTheSwitchPointFollows() {
        #expect(Divergence.between(local: Timeline(2), end: LSN("0/5000100")!, leader: leader) == .none)
    }

    @Test func aLogThatGoesPastTheSwitchPointIsRewound() {
        guard case .rewindNeeded = Divergence.between(local: Timeline(1), end: LSN("0/3000001")!, leader: leader)
        else { return #expect(Bool(false), "it went past") }
    }

    @Test func aTimelineTheLeaderNeverHadIsRewound() {
        let other = TimelineHistory(timeline: Timeline(3), parsing: "1\t0/3000000\tx\n")
        guard case .rewindNeeded = Divergence.between(local: Timeline(2), end: .zero, leader: other)
        else { return #expect(Bool(false), "no common timeline") }
    }

    @Test func twoTimelinesOfOneNumberAreNotOne() {
        let own = LSN("0/5000200")!
        let here = Divergence.between(
            local: Timeline(3), end: own, leader: leader, origin: (Timeline(3), own))
        #expect(here == .sameNumber(Timeline(3), local: own, leader: LSN("0/5000100")!))
        guard case .rewindNeeded = Divergence.between(
            local: Timeline(2), end: own, leader: leader, origin: (Timeline(2), LSN("0/2000000")!))
        else { return #expect(Bool(false), "timeline 2 is another one") }
        let same = Divergence.between(
            local: Timeline(3), end: own, leader: leader, origin: (Timeline(3), LSN("0/5000100")!))
        #expect(same == .none)
    }

    @Test func aLaterTimelineIsAhead() {
        let ahead = Divergence.between(local: Timeline(4), end: .zero, leader: leader)
        #expect(ahead == .ahead(local: Timeline(4), leader: Timeline(3)))
    }
}
