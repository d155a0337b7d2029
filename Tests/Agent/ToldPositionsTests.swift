import PostgresModel
import Testing
import Timekeeping

@testable import Agent

struct ToldPositionsTests {
    private let megabyte = ByteCount(1 << 20)
    private func at(_ seconds: Int64) -> BootInstant { BootInstant(nanoseconds: 0) + .seconds(seconds) }
    private func lsn(_ bytes: UInt64) -> [String: LSN] { ["lsn": LSN(rawValue: 1 << 30 + bytes)] }

    @Test func housekeepingIsNotTold() {
        var told = ToldPositions()
        var writes = 0
        var last = told.settle(lsn(0), on: Timeline(1), limit: megabyte, at: at(0))
        // Ten minutes of a probe and a snapshot of the running transactions each 10 s, and two checkpoints.
        for turn in 1...60 {
            let bytes = UInt64(turn * 216 + turn / 30 * 300)
            let next = told.settle(lsn(bytes), on: Timeline(1), limit: megabyte, at: at(Int64(turn * 10)))
            if next != last { writes += 1 }
            last = next
        }
        #expect(writes == 0)
    }

    @Test func whatClientsWriteIsToldAtOnce() {
        var told = ToldPositions()
        _ = told.settle(lsn(0), on: Timeline(1), limit: megabyte, at: at(0))
        #expect(told.settle(lsn(8192), on: Timeline(1), limit: megabyte, at: at(2)) == lsn(8192))
        #expect(told.settle(lsn(8292), on: Timeline(1), limit: megabyte, at: at(4)) == lsn(8192))
        #expect(told.settle(lsn(40000), on: Timeline(1), limit: megabyte, at: at(4000)) == lsn(40000), "16 KiB at most")
    }

    @Test func nobodyLooksBehindForIt() {
        var told = ToldPositions()
        _ = told.settle(lsn(0), on: Timeline(1), limit: megabyte, at: at(0))
        let leader = LSN(rawValue: 1 << 30 + 50)
        #expect(told.settle(lsn(100), on: Timeline(1), least: leader, limit: megabyte, at: at(2)) == lsn(100))
        #expect(told.settle(lsn(160), on: Timeline(1), least: leader, limit: megabyte, at: at(4)) == lsn(100))
        // One that is really behind is told as it is, once.
        var behind = ToldPositions()
        _ = behind.settle(lsn(0), on: Timeline(1), least: leader, limit: megabyte, at: at(0))
        #expect(behind.settle(lsn(0), on: Timeline(1), least: leader, limit: megabyte, at: at(2)) == lsn(0))
    }

    @Test func aClusterThatAllowsNoLagIsToldOfEveryMove() {
        var told = ToldPositions()
        _ = told.settle(lsn(0), on: Timeline(1), limit: ByteCount(0), at: at(0))
        #expect(told.settle(lsn(1), on: Timeline(1), limit: ByteCount(0), at: at(1)) == lsn(1))
    }

    @Test func anotherTimelineAnotherSlotAndAStepBackAreTold() {
        var told = ToldPositions()
        _ = told.settle(lsn(100), on: Timeline(1), limit: megabyte, at: at(0))
        #expect(told.settle(lsn(120), on: Timeline(2), limit: megabyte, at: at(1)) == lsn(120))
        #expect(told.settle(lsn(110), on: Timeline(2), limit: megabyte, at: at(2)) == lsn(110))
        let more = lsn(115).merging(["slot": LSN(rawValue: 5)]) { $1 }
        #expect(told.settle(more, on: Timeline(2), limit: megabyte, at: at(3)) == more)
    }
}
