import Testing
import YAML

@Suite struct ParserTests {
    private func parse(_ text: String) throws -> YAMLNode {
        try #require(try YAMLDocument.parse(text, file: "f.yaml"))
    }

    private func failure(_ text: String, limits: YAMLLimits = .init()) -> YAMLError? {
        do throws(YAMLError) {
            _ = try YAMLDocument.parse(text, file: "f.yaml", limits: limits)
            return nil
        } catch { return error }
    }

    @Test func everyNodeKnowsWhereItStands() throws {
        let node = try parse("a: 1\nb:\n  - x\n  - {c: 'é', d: \"y\"}\n")
        #expect(node["a"]?.position == YAMLPosition(line: 1, column: 4))
        #expect(node["b"]?.sequence?[0].position == YAMLPosition(line: 3, column: 5))
        #expect(node["b"]?.sequence?[1]["d"]?.position == YAMLPosition(line: 4, column: 17))
        #expect(node.mapping?["b"]?.keyPosition == YAMLPosition(line: 2, column: 1))
    }

    @Test func entriesKeepTheirOrderAndScalarsTheirStyle() throws {
        let node = try parse("z: 'q'\na: |\n  two\n  lines\nm: !!str 5\n")
        #expect(node.mapping?.entries.map(\.key) == ["z", "a", "m"])
        #expect(node["z"]?.scalar?.style == .singleQuoted)
        #expect(node["a"]?.scalar == YAMLScalar("two\nlines\n", style: .literal))
        #expect(node["m"]?.scalar?.tag == "tag:yaml.org,2002:str")
    }

    @Test func aliasesAndMergeKeysAreResolvedAndOwnKeysWin() throws {
        let node = try parse("""
            base: &b {x: 1, y: 2}
            other: &o {y: 3, z: 4}
            use: {<<: [*b, *o], x: 9}
            same: *b
            """)
        #expect(node["use"]?.value == .map([.init("x", 9), .init("y", 2), .init("z", 4)]))
        #expect(node["same"]?.value == .map([.init("x", 1), .init("y", 2)]))
        #expect(node["same"]?.position == node["base"]?.position)
    }

    @Test func anEmptyTextIsNoDocument() throws {
        #expect(try YAMLDocument.parse("", file: "f") == nil)
        #expect(try YAMLDocument.parse("# only words\n", file: "f") == nil)
    }

    @Test func aQuotedMergeKeyIsAnOrdinaryKey() throws {
        #expect(try parse("'<<': 1")["<<"]?.asInt == 1)
    }

    @Test(arguments: [
        ("a: 1\na: 2", YAMLError.Code.duplicateKey, "2:1"),
        ("a: &x 1\n---\nb: 2", .severalDocuments, "2:1"),
        ("a: *x", .badAlias, "1:4"),
        ("a: &x [*x]", .badAlias, "1:8"),
        ("<<: 5", .badAlias, "1:1"),
        ("[a]: 1", .complexKey, "1:1"),
        ("a:\n\t- b", .syntax, "2:1"),
        ("a: 'b", .syntax, "1:6"),
        ("a: \u{0}", .syntax, "1:4"),
        ("a: b: c", .syntax, "1:5"),
    ])
    func refuses(_ text: String, _ code: YAMLError.Code, _ position: String) throws {
        let error = try #require(failure(text))
        #expect(error.code == code)
        #expect(error.position.description == position)
        #expect(error.description.hasPrefix("f.yaml:\(position): "))
    }

    @Test func allDuplicatesAreCollectedAndTheFirstCounts() throws {
        let document = try YAMLDocument(collecting: Array("a: 1\na: 2\nb: {c: 1, c: 2}".utf8), file: "f")
        #expect(document.duplicates.map(\.position.description) == ["2:1", "3:11"])
        #expect(document.root?["a"]?.asInt == 1)
    }

    @Test func aBombOfAliasesIsRefused() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...20 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(aliases)]\n"
        }
        #expect(failure(text)?.code == .tooLarge)
    }

    @Test func aBombOfMergesIsRefused() {
        var text = "m0: &m0 {k0: 1}\n"
        for level in 1...40 { text += "m\(level): &m\(level) {<<: [*m\(level - 1), *m\(level - 1)], k\(level): 1}\n" }
        #expect(failure(text)?.code == .tooLarge)
    }

    @Test(arguments: [("[", "]"), ("{a: ", "}")])
    func deepNestingIsRefused(_ open: String, _ close: String) {
        let deep = { (count: Int) in String(repeating: open, count: count) + "1" + String(repeating: close, count: count) }
        #expect(failure(deep(63)) == nil)
        #expect(failure(deep(64))?.code == .tooLarge)
        #expect(failure(String(repeating: open, count: 20_000)) != nil)
    }

    @Test func depthCountsWhatAnAliasBrings() {
        var limits = YAMLLimits()
        limits.depth = 4
        #expect(failure("a: &a [[1]]\nb: *a", limits: limits) == nil)
        #expect(failure("a: &a [[1]]\nb: [*a]", limits: limits)?.code == .tooLarge)
    }

    @Test func aLargeTextIsRefusedBeforeItIsRead() {
        var limits = YAMLLimits()
        limits.size = 10
        #expect(failure("aaaaaaaaaaa", limits: limits)?.code == .tooLarge)
    }

    @Test func utf16IsReadToo() throws {
        let bytes: [UInt8] = [0xFE, 0xFF] + "a: é".utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
        #expect(try YAMLDocument.parse(bytes, file: "f")?["a"]?.asText == "é")
    }
}
