import Testing
import Timekeeping

@Suite struct BootInstantTests {
    @Test func `Moments and durations add up`() {
        let start = BootInstant(nanoseconds: 5_000_000_000)
        #expect(start + .seconds(2) == BootInstant(nanoseconds: 7_000_000_000))
        #expect(start - .milliseconds(1) == BootInstant(nanoseconds: 4_999_000_000))
        #expect((start + .seconds(2)) - start == .seconds(2))
        #expect(start < start + .nanoseconds(1))
        #expect(start.duration(to: start - .seconds(1)) == .seconds(-1))
    }

    @Test func `Whole nanoseconds cut what is smaller`() {
        #expect(Duration(secondsComponent: 1, attosecondsComponent: 1_999_999_999).wholeNanoseconds == 1_000_000_001)
        #expect(Duration.milliseconds(-1500).wholeNanoseconds == -1_500_000_000)
        #expect(Duration.milliseconds(1500).inSeconds == 1.5)
    }
}
