import Glibc
import HACore
import Kernel
import PostgresModel
import Synchronization
import Testing
import Timekeeping

@testable import Server

/// A life of two servers, with real PostgreSQL.
@Suite(.timeLimit(.minutes(5)), .serialized) struct LocalServerTests {
    @Test func aRunningServerIsAdoptedClonedFailedOverRewoundAndClonedAgain() async throws {
        let bench = try Bench()
        do {
            try await bench.startLegacyPrimary()
            let a = bench.server("a")
            let b = bench.server("b")
            try await theRunningPostmasterIsAdopted(a, bench)
            try await aCrashIsNoticedAndTheStartKeepsTheOwnersOptions(a, bench)
            try await aStandbyIsCloned(b, from: a, bench)
            try await theStandbyIsPromoted(b, bench)
            try await theOldPrimaryRewindsAndFollows(a, leader: b, bench)
            try await aLeaderThatCannotBeAskedStopsNothing(a, bench)
            try await anotherAddressIsFollowedByReload(a, bench)
            try await aStandbyKnowsItsTimelineWithoutItsUpstream(a, leader: b, bench)
            try await aCloneKeepsTheOldDirectory(a, bench)
            try await aFailedCloneLeavesEverythingAsItWas(a, bench)
            try await aFrozenServerIsStoppedAllTheSame(b, bench)
        } catch {
            await bench.clean()
            throw error
        }
        await bench.clean()
    }

    private func theRunningPostmasterIsAdopted(_ a: LocalServer, _ bench: Bench) async throws {
        let seen = await a.observe()
        guard case .present(let data) = seen.storage, case .running(let running) = seen.process else {
            Issue.record("not seen running: \(seen)")
            return
        }
        #expect(data.timeline == Timeline(1))
        #expect(data.canRewind)
        #expect(!data.hasStandbySignal)
        #expect(!running.isInRecovery)
        #expect(running.timeline == Timeline(1))
        #expect(running.lsn > .zero)
        #expect(seen.crashedAt == nil)
        #expect(try await a.keepSlots(for: ["a", "b", "c-1"], by: Bench.soon) == ["b", "c_1"])
        try await bench.sql("a", "select pg_create_physical_replication_slot('somebody_elses')")
        #expect(try await a.dropSlots(exceptFor: ["a", "b"], by: Bench.soon) == ["c_1"])
        #expect(try await a.slots(by: Bench.soon).map(\.name) == ["b", "somebody_elses"])
        await #expect(throws: ServerError.self) { try await a.start(.primary, by: Bench.soon) }
    }

    private func aCrashIsNoticedAndTheStartKeepsTheOwnersOptions(_ a: LocalServer, _ bench: Bench) async throws {
        let postmaster = try #require(await a.adopt())
        let began = Bench.clock.now
        kill(postmaster.pid, SIGKILL)
        for await ended in a.postmasterExits {
            #expect(ended == postmaster)
            break
        }
        #expect(Bench.clock.now - began < .seconds(1))
        let seen = await a.observe()
        #expect(seen.process == .stopped)
        #expect(seen.crashedAt != nil)
        try await a.start(.primary, by: Bench.soon)
        #expect(await a.observe().crashedAt == nil)
        #expect(try await bench.sql("a", "show work_mem") == "7MB")
        let started = try #require(await a.adopt())
        #expect(ProcessStat(pid: started.pid)?.parent != getpid())
        #expect(getsid(started.pid) == started.pid)
    }

    private func aStandbyIsCloned(_ b: LocalServer, from a: LocalServer, _ bench: Bench) async throws {
        #expect(await b.observe() == ServerObservation(storage: .empty, process: .stopped))
        let progress = Mutex<BackupProgress?>(nil)
        let outcome = try await b.clone(from: bench.upstream("a"), by: Bench.soon) { seen in
            progress.withLock { $0 = seen }
        }
        #expect(outcome.movedAside.isEmpty)
        let last = try #require(progress.withLock { $0 })
        #expect(last.done == last.total && last.total > ByteCount(1 << 20))
        try await b.start(.standby(bench.upstream("a")), by: Bench.soon)
        await b.know(members: [bench.upstream("a")])
        try await streams(b, from: bench.upstream("a"))
        try await bench.sql("a", "insert into t values (1)")
        try await eventually("the row is on b") { try await bench.sql("b", "select count(*) from t") == "1" }
        #expect(try await b.divergence(from: bench.upstream("a"), by: Bench.soon) == .none)
        #expect(try await a.slots(by: Bench.soon).first { $0.name == "b" }?.isActive == true)
    }

    private func theStandbyIsPromoted(_ b: LocalServer, _ bench: Bench) async throws {
        try await b.promote(by: Bench.soon)
        try await bench.sql("b", "insert into t values (2)")
        guard case .running(let running) = await b.observe().process else {
            Issue.record("b does not run")
            return
        }
        #expect(!running.isInRecovery)
        #expect(running.timeline == Timeline(2))
        try await b.checkpoint(by: Bench.soon)
        let history = try await b.history(of: bench.upstream("b"), by: Bench.soon)
        #expect(history.timeline == Timeline(2))
        #expect(history.entries.map(\.timeline) == [Timeline(1)])
    }

    private func theOldPrimaryRewindsAndFollows(_ a: LocalServer, leader b: LocalServer, _ bench: Bench) async throws {
        // A write nobody but the old primary has, and a crash on top.
        try await bench.sql("a", "insert into t values (99)")
        kill(try #require(await a.adopt()).pid, SIGKILL)
        try await eventually("a is stopped") { await a.observe().process == .stopped }
        let leader = bench.upstream("b")
        guard case .rewindNeeded = try await a.divergence(from: leader, by: Bench.soon) else {
            Issue.record("the divergence was not seen")
            return
        }
        // Its own crash recovery has a postmaster.pid too, and is no server that runs.
        let looking = Task {
            var running: [ServerObservation.Process] = []
            while !Task.isCancelled {
                let process = await a.observe().process
                if process != .stopped { running.append(process) }
            }
            return running
        }
        let rewound = try await a.rewind(from: leader, by: Bench.soon)
        looking.cancel()
        #expect(await looking.value == [])
        guard case .rewound(let point) = rewound else {
            Issue.record("nothing was rewound")
            return
        }
        #expect(point != nil)
        // Another one would recover the directory by itself first, with a log that is nobody's on the leader's timeline.
        let again = await #expect(throws: ServerError.self) { try await a.rewind(from: leader, by: Bench.soon) }
        #expect(again?.code == .wrongState)
        _ = try await b.keepSlots(for: ["a"], by: Bench.soon)
        try await a.start(.standby(leader), by: Bench.soon)
        await a.know(members: [leader])
        try await streams(a, from: leader)
        try await eventually("a has what b has") {
            try await bench.sql("a", "select string_agg(n::text, ',' order by n) from t") == "1,2"
        }
        #expect(try await a.divergence(from: leader, by: Bench.soon) == .none)
    }

    /// A leader that nobody can reach is no reason to stop a standby, nor to take its directory for half rewound.
    private func aLeaderThatCannotBeAskedStopsNothing(_ a: LocalServer, _ bench: Bench) async throws {
        let pid = try #require(await a.adopt())
        let nobody = Upstream(name: "b", host: "127.0.0.1", port: 1)
        let error = await #expect(throws: ServerError.self) { try await a.rewind(from: nobody, by: Bench.soon) }
        #expect(error?.code == .unavailable)
        #expect(await a.adopt() == pid, "the same postmaster runs on")
        #expect(!Files(user: bench.user).exists(a.rewindMarker))
    }

    private func anotherAddressIsFollowedByReload(_ a: LocalServer, _ bench: Bench) async throws {
        let pid = await a.adopt()
        let other = bench.upstream("b", host: "localhost")
        #expect(try await a.follow(other, by: Bench.soon) == .reloaded)
        #expect(try await a.follow(other, by: Bench.soon) == .unchanged)
        await a.know(members: [other])
        try await streams(a, from: other)
        #expect(await a.adopt() == pid)
        // Somebody's ALTER SYSTEM stands above our file: said, not hidden.
        try await bench.sql("a", "alter system set primary_conninfo = 'host=elsewhere'")
        let error = await #expect(throws: ServerError.self) {
            try await a.follow(bench.upstream("b"), by: Bench.clock.now + .seconds(1))
        }
        #expect(error?.code == .overridden)
        #expect(error?.message.contains("postgresql.auto.conf") == true)
        try await bench.sql("a", "alter system reset primary_conninfo")
    }

    /// The control file learns of a new timeline only at the next checkpoint, minutes later; until then a standby whose
    /// upstream is gone would seem to have diverged.
    private func aStandbyKnowsItsTimelineWithoutItsUpstream(
        _ a: LocalServer, leader b: LocalServer, _ bench: Bench
    ) async throws {
        try await b.stop(.fast, by: Bench.soon)
        try await b.start(.standby(Upstream(name: "nowhere", host: "127.0.0.1", port: 1)), by: Bench.soon)
        try await b.promote(by: Bench.soon)
        _ = try await a.follow(bench.upstream("b"), by: Bench.soon)
        await a.know(members: [bench.upstream("b")])
        try await streams(a, from: bench.upstream("b"))
        try await eventually("a has come to timeline 3") {
            guard case .running(let running) = await a.observe().process else { return false }
            return running.isStreaming && running.timeline == Timeline(3)
        }
        try await b.stop(.fast, by: Bench.soon)
        // One that has seen it, and one that comes anew, as after a restart of the agent.
        for server in [a, bench.server("a")] {
            try await eventually("a streams no more") {
                guard case .running(let running) = await server.observe().process else { return false }
                return !running.isStreaming
            }
            guard case .running(let running) = await server.observe().process else {
                Issue.record("a does not run")
                return
            }
            #expect(running.timeline == Timeline(3))
        }
        try await b.start(.primary, by: Bench.soon)
    }

    private func aCloneKeepsTheOldDirectory(_ a: LocalServer, _ bench: Bench) async throws {
        try await a.stop(.fast, by: Bench.soon)
        #expect(await a.observe().process == .stopped)
        #expect(await a.observe().crashedAt == nil)
        let outcome = try await a.clone(from: bench.upstream("b"), by: Bench.soon)
        let aside = try #require(outcome.movedAside["\(bench.root)/a"])
        #expect(aside.hasPrefix("\(bench.root)/a.pgadopt-2"))
        #expect(try readSmallText("\(aside)/PG_VERSION") == "15\n")
        try await a.start(.standby(bench.upstream("b")), by: Bench.soon)
        await a.know(members: [bench.upstream("b")])
        try await streams(a, from: bench.upstream("b"))
        try await a.stop(.immediate, by: Bench.soon)
    }

    private func aFailedCloneLeavesEverythingAsItWas(_ a: LocalServer, _ bench: Bench) async throws {
        let nowhere = Upstream(name: "nowhere", host: "127.0.0.1", port: 1)
        let error = await #expect(throws: ServerError.self) { try await a.clone(from: nowhere, by: Bench.soon) }
        #expect(error?.code == .programFailed)
        #expect(error?.message.contains("r:e") == false)
        #expect(try readSmallText("\(bench.root)/a/PG_VERSION") == "15\n")
        try await a.start(.standby(bench.upstream("b")), by: Bench.soon)
        try await a.stop(.fast, by: Bench.soon)
    }

    private func aFrozenServerIsStoppedAllTheSame(_ b: LocalServer, _ bench: Bench) async throws {
        let postmaster = try #require(await b.adopt())
        let children = ProcessTable.now().children(of: postmaster.pid)
        for process in [postmaster] + children { kill(process.pid, SIGSTOP) }
        guard case .unresponsive = await b.observe(limit: .milliseconds(300)).process else {
            Issue.record("a frozen server looked alive")
            return
        }
        try await b.stop(.fast, by: Bench.clock.now + .milliseconds(300))
        #expect(!postmaster.isRunning)
        try await eventually("its children are gone") { children.allSatisfy { !$0.isRunning } }
        #expect(await b.observe().process == .stopped)
    }

    private func streams(_ server: LocalServer, from upstream: Upstream) async throws {
        try await eventually("\(server.settings.name) streams") {
            guard case .running(let running) = await server.observe().process else { return false }
            return running.isInRecovery && running.isStreaming && running.upstream == upstream
        }
    }
}
