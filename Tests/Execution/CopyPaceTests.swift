@testable import Execution
import Foundation
import Testing

/// How fast a copy may go while the primary has clients.
@Suite struct CopyPaceTests {
    /// Windows of one second; ages in milliseconds.
    private func window(_ age: Double, count: Int = 100) -> LatencyWindow {
        LatencyWindow(looks: LatencyProbe.looks, ages: Array(repeating: age, count: count))
    }

    private func rate(_ order: CopyPace.Order) -> Int64? {
        if case .rate(let rate) = order { rate } else { nil }
    }

    /// A pace that has heard 5 ms before the copy.
    private func started() -> CopyPace {
        var pace = CopyPace(most: 1.3)
        _ = pace.next(window(5, count: 300), measured: nil, at: .seconds(2))
        return pace
    }

    @Test func `It listens before it lets the copy go, and begins slowly where clients are`() {
        var pace = CopyPace(most: 1.3)
        #expect(pace.isListening)
        #expect(pace.next(window(5), measured: nil, at: .seconds(1)) == .hold)
        #expect(pace.next(window(6), measured: nil, at: .seconds(2)) == .hold)
        #expect(pace.next(window(7), measured: nil, at: .seconds(3)) == .rate(CopyPace.first))
        #expect(!pace.isListening)
        #expect(pace.before == 6)
    }

    @Test func `Without clients the copy is free until they come; then it is held, and their latency heard`() {
        var pace = CopyPace(most: 1.3)
        for second in 0...1 { _ = pace.next(window(5, count: 2), measured: nil, at: .seconds(second)) }
        #expect(pace.next(window(5, count: 2), measured: nil, at: .seconds(2)) == .free)
        #expect(pace.next(window(5, count: 0), measured: 500 << 20, at: .seconds(3)) == .free)
        #expect(pace.next(window(9), measured: 500 << 20, at: .seconds(4)) == .hold)
        // What is on its way still disturbs: the first window counts for nothing.
        #expect(pace.next(window(90), measured: 0, at: .seconds(5)) == .hold)
        for second in 6...7 { #expect(pace.next(window(5), measured: 0, at: .seconds(second)) == .hold) }
        #expect(pace.next(window(5), measured: 0, at: .seconds(8)) == .rate(CopyPace.first))
        #expect(pace.before == 5)
    }

    @Test func `A rate that is reached and not felt doubles until it is felt, then grows by what is left`() {
        var pace = started()
        #expect(pace.next(window(5), measured: CopyPace.first, at: .seconds(3)) == .rate(2 * CopyPace.first))
        #expect(pace.next(window(5.5), measured: 2 * CopyPace.first, at: .seconds(4)) == .rate(4 * CopyPace.first))
        let felt = rate(pace.next(window(10), measured: 4 * CopyPace.first, at: .seconds(5))) ?? 0
        #expect(abs(Double(felt) - 4 * Double(CopyPace.first) * 0.65) < 2, "1.3 of the 2.0 that it was")
        #expect(pace.ratio == 2)
        let more = rate(pace.next(window(5), measured: felt, at: .seconds(6))) ?? 0
        #expect(abs(Double(more) - 1.15 * Double(felt)) < 2, "half of what is allowed is left")
        let less = rate(pace.next(window(5.5), measured: more, at: .seconds(7))) ?? 0
        #expect(abs(Double(less) - 1.05 * Double(more)) < 2)
    }

    @Test func `A latency that the slowest copy does not bring down is heard anew without it`() {
        var pace = started()
        var second = 3
        while !pace.isListening, second < 100 {
            _ = pace.next(window(20), measured: CopyPace.slowest, at: .seconds(second))
            second += 1
        }
        #expect((32...33).contains(second), "half a minute after it listened: \(second)")
        for later in second...second + 3 { _ = pace.next(window(20), measured: 0, at: .seconds(later)) }
        #expect(pace.before == 20)
        let rate = rate(pace.next(window(20), measured: CopyPace.slowest, at: .seconds(second + 5))) ?? 0
        #expect(rate > CopyPace.slowest)
    }

    @Test func `Between half of what is allowed and all of it the rate stays`() {
        var pace = started()
        #expect(pace.next(window(6), measured: CopyPace.first, at: .seconds(3)) == .rate(CopyPace.first))
        #expect(pace.next(window(6.4), measured: CopyPace.first, at: .seconds(4)) == .rate(CopyPace.first))
        #expect(pace.next(window(6.6), measured: CopyPace.first, at: .seconds(5)) != .rate(CopyPace.first))
    }

    @Test func `A rate that the link does not reach is not raised, and what is cut is the real one`() {
        var pace = started()
        #expect(pace.next(window(5), measured: 10 << 20, at: .seconds(3)) == .rate(CopyPace.first))
        let cut = rate(pace.next(window(10), measured: 40 << 20, at: .seconds(4))) ?? 0
        #expect(cut < 40 << 20)
    }

    @Test func `It never goes below the slowest rate`() {
        var pace = started()
        for second in 3..<30 {
            let order = pace.next(window(500), measured: CopyPace.slowest, at: .seconds(second))
            #expect(rate(order) ?? 0 >= CopyPace.slowest)
        }
        #expect(pace.order == .rate(CopyPace.slowest))
    }

    @Test func `Few statements are gathered over three windows, and none at all let the rate rise`() {
        var pace = started()
        #expect(pace.next(window(50, count: 25), measured: CopyPace.first, at: .seconds(3)) == .rate(CopyPace.first))
        #expect(pace.next(window(50, count: 25), measured: CopyPace.first, at: .seconds(4)) == .rate(CopyPace.first))
        let cut = rate(pace.next(window(50, count: 25), measured: CopyPace.first, at: .seconds(5))) ?? 0
        #expect(cut < CopyPace.first)
        for second in 6..<9 { _ = pace.next(window(0, count: 0), measured: cut, at: .seconds(second)) }
        #expect(rate(pace.order) ?? 0 > cut)
    }

    @Test func `Fractions of a millisecond are nothing that anybody feels`() {
        var pace = CopyPace(most: 1.3)
        for second in 0...2 { _ = pace.next(window(0.3), measured: nil, at: .seconds(second)) }
        #expect(pace.next(window(0.45), measured: CopyPace.first, at: .seconds(3)) == .rate(2 * CopyPace.first))
    }

    @Test func `A queue is felt, though no statement takes longer`() {
        var pace = CopyPace(most: 1.3)
        for second in 0...2 { _ = pace.next(window(5), measured: nil, at: .seconds(second)) }
        #expect(pace.next(window(5, count: 140), measured: CopyPace.first, at: .seconds(3)) == .rate(2 * CopyPace.first))
        let cut = rate(pace.next(window(5, count: 300), measured: 2 * CopyPace.first, at: .seconds(4))) ?? 0
        #expect(pace.ratio == 2)
        #expect(abs(Double(cut) - 2 * Double(CopyPace.first) * 0.65) < 2, "three times as many, of which half may be new")
    }

    @Test func `Every five minutes it listens anew, and goes on at the rate it had`() {
        var pace = started()
        let before = pace.next(window(5), measured: CopyPace.first, at: .seconds(3))
        #expect(pace.next(window(6), measured: 2 * CopyPace.first, at: .seconds(301)) == before)
        #expect(pace.next(window(6), measured: 2 * CopyPace.first, at: .seconds(302)) == .hold)
        for second in 303...305 { #expect(pace.next(window(8), measured: 0, at: .seconds(second)) == .hold) }
        #expect(pace.next(window(8), measured: 0, at: .seconds(306)) == before)
        #expect(pace.before == 8)
    }

    @Test func `Beside another copy it does not listen again`() {
        var pace = CopyPace(most: 1.3, listensAgain: false)
        for second in 0...2 { _ = pace.next(window(5), measured: nil, at: .seconds(second)) }
        #expect(pace.next(window(6), measured: 1 << 20, at: .seconds(900)) == .rate(CopyPace.first))
    }

    @Test func `A copy that runs already is held first`() {
        var pace = CopyPace(most: 1.3, isCopying: true)
        #expect(pace.order == .hold)
        #expect(pace.next(window(50), measured: 1 << 30, at: .seconds(1)) == .hold)
        #expect(pace.next(window(5, count: 300), measured: 0, at: .seconds(2)) == .rate(CopyPace.first))
        #expect(pace.before == 5)
    }

    @Test func `What was heard too high before sinks, since a copy makes nothing quicker`() {
        var pace = started()
        for second in 3..<40 { _ = pace.next(window(4), measured: CopyPace.first, at: .seconds(second)) }
        #expect((4.0...4.1).contains(pace.before ?? 0), "\(String(describing: pace.before))")
    }

    /// A primary whose statements take 4 ms, and from 100 MiB/s on more: half as long again at 150 MiB/s. Exponential
    /// times, so a window is as noisy as real ones; the copy could do 600 MiB/s.
    @Test(arguments: [UInt64(1), 2, 3, 4, 5])
    func `Against a modelled primary it settles where the latency allows it`(_ seed: UInt64) {
        var random = Noise(state: seed)
        var pace = CopyPace(most: 1.3)
        var order = pace.order
        var worse = 0
        var copied: Double = 0
        for second in 1...300 {
            let speed: Double =
                switch order {
                case .hold: 0
                case .free: 600
                case .rate(let rate): min(600, Double(rate) / 1_048_576)
                }
            let factor = 1 + max(0, (speed - 100) / 100)
            let ages = (0..<120).map { _ in -4 * factor * random.logarithm() }
            if factor > 1.5 { worse += 1 }
            copied += speed
            let window = LatencyWindow(looks: LatencyProbe.looks, ages: ages)
            order = pace.next(window, measured: Int64(speed * 1_048_576), at: .seconds(second))
        }
        #expect(worse < 15, "seconds with more than half as long again: \(worse)")
        #expect(copied / 300 > 80, "MiB/s: \(copied / 300)")
    }
}

/// splitmix64: the same numbers everywhere.
private struct Noise {
    var state: UInt64

    /// Of a number between 0 and 1.
    mutating func logarithm() -> Double {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return log(max(1e-12, Double((z ^ (z >> 31)) >> 11) / 9_007_199_254_740_992))
    }
}

@Suite struct LatencyWindowTests {
    @Test func `Looks and ages are read from what psql prints`() {
        let window = LatencyProbe.window("look\n1500\n\nlook\nlook\n250\n-3\n")
        #expect(window == LatencyWindow(looks: 3, ages: [1.5, 0.25, 0]))
        #expect(LatencyProbe.window("").mean == 0)
    }
}

@Suite struct CopyLimitTests {
    private func ends(_ types: [String], busy: Int = 0, waiting: Int = 0) -> CopyEnds {
        var ends = CopyEnds(source: "h1", target: "h2")
        for type in types { if let look = CopyEnds.Sending(type: type) { ends.see(look) } }
        ends.see(CopyEnds.Receiving(busy: 100, waiting: 100))
        ends.see(CopyEnds.Receiving(busy: 100 + busy, waiting: 100 + waiting))
        return ends
    }

    private func pace(_ age: Double) -> CopyPace {
        var pace = CopyPace(most: 1.3)
        let ages = { (age: Double) in LatencyWindow(looks: 40, ages: Array(repeating: age, count: 100)) }
        for second in 0...2 { _ = pace.next(ages(5), measured: nil, at: .seconds(second)) }
        _ = pace.next(ages(age), measured: CopyPace.first, at: .seconds(3))
        return pace
    }

    @Test(arguments: [
        (["IO", "IO", "IO", "Client", ""], 0, 100, "limited by the disk of h1"),
        (["", "", "", "Client", "IO"], 0, 100, "limited by the processor or the disk of h1"),
        (["Client", "Client", "Client", "IO", "Client"], 2, 100, "limited by the link"),
        (["Client", "Client", "Client", "IO", "Client"], 90, 10, "limited by the disk of h2"),
        (["Client", "Client", "Client", "IO", "Client"], 3, 4, nil),
        (["Client", "Client", "Timeout", "Timeout", "Client"], 90, 10, nil),
    ] as [([String], Int, Int, String?)])
    func `What both ends wait for tells what limits`(_ types: [String], _ busy: Int, _ waiting: Int, _ words: String?) {
        let limit = ends(types, busy: busy, waiting: waiting).limit(rate: 100 << 20, maxRate: nil, pace: nil)
        #expect(limit?.words == words)
    }

    @Test func `The operator's limit comes first, then the latency's, and one that is not reached is none`() {
        let ends = ends(["IO", "IO", "IO", "IO"], waiting: 100)
        #expect(ends.limit(rate: 95 << 20, maxRate: 100 << 20, pace: pace(10)) == .chosen(100 << 20))
        #expect(ends.limit(rate: 40 << 20, maxRate: 100 << 20, pace: pace(10)) == .latency(2))
        #expect(ends.limit(rate: 40 << 20, maxRate: 100 << 20, pace: pace(10))?.words
            == "limited by the primary's latency (2.0 x)")
        #expect(ends.limit(rate: 10 << 20, maxRate: 100 << 20, pace: pace(5)) == .disk(host: "h1"))
        #expect(ends.limit(rate: nil, maxRate: nil, pace: nil) == nil)
    }
}
