@testable import Execution
import PostgresModel
import Testing

/// When a copy must end so that the primary's disk does not fill.
@Suite struct WALBudgetTests {
    private func look(kept: Int64, free: Int64, of size: Int64 = 1000) -> WALBudget.Look {
        WALBudget.Look(kept: ByteCount(kept << 30), free: ByteCount(free << 30), size: ByteCount(size << 30))
    }

    @Test func `A copy goes on while its slot keeps less than its share`() {
        var budget = WALBudget()
        #expect(budget.reason(look(kept: 0, free: 100, of: 500)) == nil)
        #expect(budget.reason(look(kept: 59, free: 41, of: 500)) == nil)
        #expect(budget.reason(look(kept: 61, free: 39, of: 500))
            == "the slot keeps 61.0 GiB of WAL and 39.0 GiB are free; the budget is 60.0 GiB")
    }

    @Test func `It ends when somebody else fills the disk, too`() {
        var budget = WALBudget()
        #expect(budget.reason(look(kept: 0, free: 200)) == nil)
        #expect(budget.reason(look(kept: 1, free: 50)) == nil)
        #expect(budget.reason(look(kept: 1, free: 49))?.hasPrefix("49.0 GiB are free where the primary") == true)
    }

    @Test func `A disk that was nearly full at the beginning may lose half of what was free`() {
        var budget = WALBudget()
        #expect(budget.reason(look(kept: 0, free: 20)) == nil)
        #expect(budget.reason(look(kept: 1, free: 11)) == nil)
        #expect(budget.reason(look(kept: 1, free: 9)) != nil)
    }

    @Test func `The first segments on a tiny disk are no burst`() {
        var budget = WALBudget()
        let small = WALBudget.Look(kept: ByteCount(48 << 20), free: ByteCount(30 << 20), size: ByteCount(100 << 20))
        #expect(budget.reason(small) == nil)
    }
}
