import Inventory
import Testing
import YAML

@Suite struct TemplateTests {
    @Test func theTemplateIsAnInventoryAsItStands() throws {
        let reading = Inventory.read(Inventory.template(cluster: "shop"), path: "inventory.yaml")
        #expect(reading.problems.isEmpty)
        let cluster = try #require(reading.inventory?.clusters.first)
        #expect(cluster.name == "shop")
        #expect(cluster.hosts.map(\.role) == [.primary, .replica, .replica])
    }

    /// Taking away every `# ` before something that looks like a key leaves a valid inventory, too.
    @Test func whatTheTemplateShowsInCommentsIsValidOnceUncommented() throws {
        let lines = Inventory.template().split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let body = line.drop { $0 == " " }
            // File-level explanations stay, and so does one of two keys that exclude each other.
            guard body.hasPrefix("# "), line.hasPrefix(" "), !body.hasPrefix("# pass") else { return String(line) }
            let content = body.dropFirst(2)
            let word = content.drop { $0 == " " }.prefix { $0.isLetter || $0 == "_" }
            guard content.drop(while: { $0 == " " }).dropFirst(word.count).first == ":" else { return String(line) }
            return String(line.prefix(line.count - body.count)) + content
        }
        let reading = Inventory.read(lines.joined(separator: "\n"), path: "inventory.yaml")
        #expect(reading.problems.filter { !$0.problem.contains("replicatefrom") && !$0.problem.contains("'host'") } == [])
    }

    @Test func theTemplateMentionsEveryKey() {
        let text = Inventory.template()
        for schema in allSchemas {
            for key in schema.keys where !["address", "host"].contains(key.name) && schema.title != "a host" {
                #expect(text.contains("\(key.name):"), "the template does not show '\(key.name)' of \(schema.title)")
            }
        }
    }

    @Test(arguments: ["on", "12", "null"])
    func aNameThatYAMLWouldMistakeIsQuoted(_ name: String) {
        #expect(Inventory.read(Inventory.template(cluster: name), path: "i.yaml").inventory?.clusters.first?.name == name)
    }

    @Test func theTemplateIsWhatPeopleAgreedOn() throws {
        try expectGolden("template.txt", Inventory.template())
    }

    @Test func theDocumentationOfTheKeysIsComplete() throws {
        try expectGolden("keys.md", InventorySchema.file.markdown())
    }
}
