import PostgresModel
import Testing

@Suite struct NamesTests {
    @Test(arguments: [("h1", "h1"), ("Node-2.example", "node_2_example"), ("a b", "au0032b")])
    func slotNames(member: String, slot: String) { #expect(slotName(forMember: member) == slot) }
}
