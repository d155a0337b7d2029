import Testing
import YAML

@Suite struct EmitterTests {
    @Test func writesBlockStyleWithComments() {
        let value = YAMLValue.map([
            YAMLField("scope", "orders", comment: "The cluster.\nIts name."),
            YAMLField("restapi", .map([YAMLField("listen", "0.0.0.0:8008"), YAMLField("tls", .map([]))])),
            YAMLField("hosts", ["10.0.0.1:2379", .map([YAMLField("a", 1), YAMLField("b", .list([]))]), [true, .null]]),
            YAMLField("on", "yes", comment: ""),
        ])
        #expect(value.yamlText == """
            # The cluster.
            # Its name.
            scope: orders
            restapi:
              listen: "0.0.0.0:8008"
              tls: {}
            hosts:
              - "10.0.0.1:2379"
              - a: 1
                b: []
              -
                - true
                - null
            #
            "on": "yes"

            """)
    }

    @Test(arguments: [
        "", " ", "a ", " a", "null", "Null", "~", "yes", "No", "ON", "y", "true", "1", "-1", "1.5", "1e3", "0x1F", "0o7",
        "12:30:45", "2026-01-01", "10.0.0.1", "5432", "<<", "=", "-", "- a", "? a", "a: b", "a:", ":a", "#a", "a #b", "a#b",
        "*a", "&a", "!a", "%a", "@a", "`a`", "{a}", "[a]", "a,b", "'", "\"", "\\", "a'b", "a\nb", "a\r\nb", "\t", "a\u{0}b",
        "\u{7F}", "\u{85}", "\u{2028}", "\u{FEFF}", "é", "日本", "😀", "\u{FFFE}", "\u{1FFFE}", "a=b c", "/var/lib/x", "5min",
        "100MB", "host=a port=5432", "...", "---", "|", ">", "e\u{301}", "key: 'v'", "50%", "1_000", ".inf", ".5", "+1",
    ])
    func everyTextComesBackAsItWas(_ text: String) throws {
        let value = YAMLValue.map([YAMLField("k", .string(text)), YAMLField("l", [.string(text)])])
        let node = try #require(try YAMLDocument.parse(value.yamlText, file: "f"))
        #expect(node.value == value)
        let asKey = YAMLValue.map([YAMLField(text, 1)])
        #expect(try YAMLDocument.parse(asKey.yamlText, file: "f")?.value == asKey)
    }

    @Test func aCommentCannotBecomeContent() throws {
        let hostile = "x\nadmin: true\r\nb: 1\u{2028}c: 1\u{85}d: 1\u{0}"
        let text = YAMLValue.map([YAMLField("a", 1, comment: hostile)]).yamlText
        #expect(try YAMLDocument.parse(text, file: "f")?.value == .map([YAMLField("a", 1)]))
    }
}
