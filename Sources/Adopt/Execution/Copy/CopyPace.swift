import PostgresModel

/// How fast a copy may go, so that clients of the primary do not feel it: windows of latency in, an order out.
///
/// It first listens while nothing is copied: that is the latency of before. With clients there, the copy begins slowly,
/// goes faster while the latency allows it, and slower when it does not. The clients of noon are not those of midnight,
/// so every few minutes it holds the copy for some seconds and listens anew.
struct CopyPace: Equatable, Sendable {
    enum Order: Equatable, Sendable {
        /// As fast as link and disks can.
        case free
        /// Bytes per second.
        case rate(Int64)
        /// For the few seconds of listening.
        case hold
    }

    private enum Phase: Equatable, Sendable {
        /// - settling: what is on its way still arrives; this window is not counted.
        case listening(LatencyWindow, settling: Bool)
        case copying(LatencyWindow, windows: Int)
    }

    /// Copies that are over in seconds are over before a verdict.
    static let smallestCopy = ByteCount(256 << 20)
    /// The first order when clients are there, and the slowest one ever: a copy that never ends keeps WAL for ever.
    static let first: Int64 = 64 << 20
    static let slowest: Int64 = 4 << 20
    /// Nothing is faster than this: from here on the copy is free.
    private static let fastest: Int64 = 8 << 30
    /// Statements met, below which a mean says nothing.
    private static let few = 20
    /// Statements met that are enough for a verdict; fewer are gathered over up to three windows.
    private static let enough = 60
    /// So many times as many statements under way as before count as an unchanged latency: there may be more clients.
    private static let moreClients = 1.5
    /// Milliseconds that nobody feels, whatever the ratio: also what a mean of so few statements cannot tell.
    private static let unfelt = 0.2

    /// While statements take more than this many times what they took before, the copy slows down.
    let most: Double
    /// False: another copy may run beside this one, and what is heard while only this one is held would not be the
    /// latency of before.
    let listensAgain: Bool
    /// Milliseconds; nil: there were hardly any clients.
    private(set) var before: Double?
    /// Statements under way at a look.
    private var busyBefore = 0.0
    /// The newest verdict: how many times the latency of before.
    private(set) var ratio: Double?
    private(set) var order: Order = .hold
    private var phase: Phase = .listening(LatencyWindow(), settling: false)
    /// True until the latency has once said no: until then the rate doubles.
    private var isFinding = true
    private var listenedAt: Duration?

    /// - Parameters:
    ///   - most: more than 1.
    ///   - isCopying: a copy runs already; it is held first.
    init(most: Double, listensAgain: Bool = true, isCopying: Bool = false) {
        self.most = most
        self.listensAgain = listensAgain
        if isCopying { phase = .listening(LatencyWindow(), settling: true) }
    }

    /// True: the copy stands still.
    var isListening: Bool {
        if case .listening = phase { true } else { false }
    }

    /// - Parameters:
    ///   - window: since the order before.
    ///   - measured: bytes per second of the copy; nil: not known.
    ///   - now: of a clock that never goes back.
    mutating func next(_ window: LatencyWindow, measured: Int64?, at now: Duration) -> Order {
        switch phase {
        case .listening(_, settling: true): phase = .listening(LatencyWindow(), settling: false)
        case .listening(var heard, settling: false):
            heard.add(window)
            phase = .listening(heard, settling: false)
            if heard.ages.count >= 5 * Self.enough || heard.looks >= 3 * LatencyProbe.looks { begin(heard, now) }
        case .copying(var seen, var windows):
            seen.add(window)
            windows += 1
            phase = .copying(seen, windows: windows)
            if isDue(seen, now) {
                listen()
            } else if seen.ages.count >= Self.enough || windows >= 3 {
                judge(seen, measured)
                phase = .copying(LatencyWindow(), windows: 0)
            }
        }
        return order
    }

    private mutating func begin(_ heard: LatencyWindow, _ now: Duration) {
        before = heard.ages.count >= Self.few ? heard.mean : nil
        busyBefore = heard.busy
        ratio = nil
        listenedAt = now
        phase = .copying(LatencyWindow(), windows: 0)
        order = before == nil ? .free : .rate(rate)
    }

    /// The rate of before the pause, or the first one.
    private var rate: Int64 { lastRate ?? Self.first }
    private var lastRate: Int64?

    /// Clients have come where there were none, or the latency of before is minutes old. Sooner where the slowest copy
    /// changes nothing: then it is not the copy that they feel.
    private func isDue(_ seen: LatencyWindow, _ now: Duration) -> Bool {
        if before == nil { return seen.ages.count >= Self.few }
        let isInVain = order == .rate(Self.slowest) && ratio.map { $0 > most } == true
        return listensAgain && listenedAt.map { now - $0 >= .seconds(isInVain ? 30 : 300) } == true
    }

    private mutating func listen() {
        phase = .listening(LatencyWindow(), settling: true)
        order = .hold
    }

    private mutating func judge(_ seen: LatencyWindow, _ measured: Int64?) {
        guard let before, case .rate(let rate) = order else { return }
        // Too few to judge: the clients have gone, and nobody is there to feel it.
        let excess = seen.ages.count < Self.few ? 0 : seen.mean - before
        let slower = before > 0 ? max(0, 1 + excess / before) : 1
        // One statement more is chance.
        let busier = seen.busy - busyBefore < 1 ? 0 : seen.busy / max(busyBefore, 1) / Self.moreClients
        let ratio = max(slower, busier)
        self.ratio = ratio
        let isFelt = excess > Self.unfelt || busier > slower
        if ratio > most, isFelt {
            isFinding = false
            let real = min(rate, max(Self.slowest, measured ?? rate))
            set(Int64(Double(real) * max(0.3, min(0.8, most / ratio))))
        } else if !isFelt || ratio < 1 + (most - 1) / 2 {
            // A rate that is not reached is no limit, and raising it would only leave it out of reach.
            let isActive = measured.map { Double($0) >= 0.7 * Double(rate) } ?? true
            // By what is still left, so that it comes near the limit rather than over it.
            let left = min(0.25, max(0.02, 1 + (most - 1) / 2 - ratio))
            if isActive { set(isFinding ? rate * 2 : Int64(Double(rate) * (1 + left))) }
        }
        // With the copy it cannot be better than without: what was heard before was too much.
        if excess < 0 { self.before = before + excess / 10 }
    }

    private mutating func set(_ rate: Int64) {
        let rate = min(Self.fastest, max(Self.slowest, rate))
        lastRate = rate
        order = .rate(rate)
    }
}
