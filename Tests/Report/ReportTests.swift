import AdoptFixtures
import Cluster
import Planning
import PostgresModel
import Preflight
import Report
import Testing

@Suite struct ReportTests {
    @Test func `A plan reads as in its golden file`() throws {
        try expectGolden(PlanText().text(LegacyCluster.plan), "plan.txt")
    }

    @Test func `A plan with the files it writes reads as in its golden file`() throws {
        try expectGolden(PlanText(showsFiles: true).text(LegacyCluster.plan), "plan-files.txt")
    }

    @Test func `A plan that takes a running standby over reads as in its golden file`() throws {
        try expectGolden(PlanText(showsFiles: true).text(LegacyCluster.standbyPlan), "plan-standby.txt")
        try expectGolden(PlanText().text(LegacyCluster.leavePlan), "plan-leave.txt")
    }

    @Test func `A plan that restores replicas from a backup reads as in its golden file`() throws {
        try expectGolden(PlanText().text(BackedUpCluster.plan), "plan-backup.txt")
    }

    @Test func `A plan for a server that listens on its own host only reads as in its golden file`() throws {
        try expectGolden(PlanText(showsFiles: true).text(LegacyCluster.localPlan), "plan-local.txt")
    }

    @Test func `Status shows the replication relay`() throws {
        var view = StatusFixture.view
        view.members[0].connURL = "postgres://10.77.0.1:8108/postgres"
        view.members[0].pendingRestartReason = [
            "listen_addresses": ["old_value": "localhost", "new_value": "localhost,10.77.0.1"]
        ]
        view.members[0].other["pgadopt_relay"] = [
            "address": "10.77.0.1:8108", "connections": 2, "certificate_ends": 1_890_000_000,
        ]
        try expectGolden(StatusText().text(cluster: "shop", view), "status-relay.txt")
        view.members[0].other["pgadopt_relay"] = [
            "address": "10.77.0.1:8108", "problem": "the relay cannot listen at 10.77.0.1:8108",
        ]
        #expect(StatusText().text(cluster: "shop", view).contains("it does not run"))
    }

    @Test func `A plan that makes the store reads as in its golden file`() throws {
        try expectGolden(PlanText(showsFiles: true).text(ManagedCluster.plan), "plan-managed.txt")
    }

    @Test func `A blocked plan says that apply refuses it`() throws {
        let failure = Finding(
            name: "wal.level", host: "h1", verdict: .fail, summary: "wal_level is minimal",
            why: "no replica can stream", remedy: "set wal_level = replica", effect: .restart)
        var waived = failure
        waived.name = "glibc.version"
        waived.waiver = Waiver(rule: "glibc.version")
        let plan = try LegacyCluster.planner.plan(LegacyCluster.spec, LegacyCluster.facts, [failure, waived])
        let text = PlanText().text(plan)
        #expect(text.contains("apply will refuse this plan: wal.level."))
        #expect(text.contains("waived  h1  glibc.version"))
        #expect(!plan.isApplicable)
    }

    @Test func `No line of the plan is wider than 100 columns, but for words that cannot be broken`() throws {
        for line in PlanText().text(try LegacyCluster.plan).split(separator: "\n") where line.count > 100 {
            Issue.record("\(line.count) columns: \(line)")
        }
    }

    @Test func `Colour is only used when asked for`() throws {
        let plan = try LegacyCluster.plan
        #expect(!PlanText().text(plan).contains("\u{1B}"))
        #expect(PlanText(style: TextStyle(isColoured: true)).text(plan).contains("\u{1B}[1m"))
    }

    @Test func `Control characters from the world outside are made visible`() {
        let finding = Finding(name: "x", host: "h1", verdict: .fail, summary: "a\u{1B}[2Jb\nc")
        let text = FindingsText().text([finding])
        #expect(text.contains("a\\u{1b}[2Jb\\u{a}c"))
    }

    @Test func `Progress in a log is said once a tenth`() {
        var text = ApplyText()
        func event(_ gigabytes: Int64) -> ApplyEvent {
            .progress(stepID: "h2/base-backup", StepProgress(
                bytes: ByteCount(gigabytes << 30), total: ByteCount(100 << 30), rate: ByteCount(95 << 20),
                remaining: .seconds(303)))
        }
        #expect(text.text(event(31)).contains("31.0 GiB of 100 GiB, 31 %, 95.0 MiB/s, 5 min 3 s left"))
        #expect(text.text(event(32)) == "")
        #expect(text.text(event(40)) != "")
    }

    @Test func `Progress on a terminal overwrites its line`() {
        var text = ApplyText(isTerminal: true)
        let step = StepProgress(bytes: ByteCount(1), total: ByteCount(10))
        #expect(text.text(.progress(stepID: "a", step)).hasPrefix("\r"))
        #expect(text.text(.note(stepID: "a", "hello")).hasPrefix("\n"))
    }

    @Test func `The status table reads as in its golden file`() throws {
        try expectGolden(StatusText().text(cluster: "shop", StatusFixture.view), "status.txt")
    }
}

/// A cluster of two, of which one waits for a restart.
enum StatusFixture {
    static let view = ClusterView(
        revision: 40, initialize: "7301234567890123456", leader: LeaderKey(name: "h1", lease: 7),
        members: [
            Member(
                name: "h1", connURL: "postgres://10.77.0.1:5432/postgres", state: .running, role: .primary,
                pendingRestart: true, pendingRestartReason: ["wal_log_hints": ["old_value": "off", "new_value": "on"]],
                xlogLocation: LSN("0/5000000"), timeline: Timeline(1)),
            Member(
                name: "h2", connURL: "postgres://10.77.0.2:5432/postgres", state: .running, role: .replica,
                replayLSN: LSN("0/4000000"), replicationState: "streaming", timeline: Timeline(1)),
        ],
        status: StatusKey(optime: LSN("0/5000000")))
}
