import Shell
import Testing

@Suite struct QuotingTests {
    @Test(arguments: [
        ("plain/path-1.conf", "plain/path-1.conf"), ("", "''"), ("a b", "'a b'"), ("it's", "'it'\\''s'"),
        ("$(rm -rf /)", "'$(rm -rf /)'"), ("a\nb", "'a\nb'"), ("=x", "'=x'"),
    ])
    func quotesOneWord(word: String, expected: String) {
        #expect(quoted(word) == expected)
    }
}
