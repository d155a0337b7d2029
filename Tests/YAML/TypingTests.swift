import Testing
import YAML

@Suite struct TypingTests {
    private func scalar(_ text: String, _ style: YAMLScalar.Style = .plain) -> YAMLNode {
        YAMLNode(.scalar(YAMLScalar(text, style: style)), at: .start)
    }

    @Test(arguments: [
        ("on", true), ("off", false), ("Yes", true), ("NO", false), ("true", true), ("False", false),
    ])
    func readsBooleansAsPostgreSQLPeopleWriteThem(_ text: String, _ expected: Bool) {
        #expect(scalar(text).asBool == expected)
        #expect(scalar(text, .doubleQuoted).asBool == expected)
    }

    @Test(arguments: ["", "1", "y", "tru", "truetrue"])
    func isNoBoolean(_ text: String) { #expect(scalar(text).asBool == nil) }

    @Test(arguments: [("0", 0), ("5432", 5432), ("-1", -1), ("+7", 7), ("9223372036854775807", Int.max)])
    func readsIntegers(_ text: String, _ expected: Int) { #expect(scalar(text).asInt == expected) }

    @Test(arguments: ["", "-", "1.0", "0x10", "010", "1_000", "9223372036854775808", "٣", "1 "])
    func isNoInteger(_ text: String) { #expect(scalar(text).asInt == nil) }

    @Test(arguments: [
        ("30", Duration.seconds(30)), ("30s", .seconds(30)), ("5min", .seconds(300)), ("500ms", .milliseconds(500)),
        ("1.5 h", .seconds(5400)), ("1d", .seconds(86_400)), ("250us", .microseconds(250)), ("0", .zero),
    ])
    func readsDurations(_ text: String, _ expected: Duration) { #expect(scalar(text).asDuration == expected) }

    @Test(arguments: ["", "s", "-5", "5m", "5 parsecs", "1e9", ".5s", "5.s", "1..2", "99999999999999999d", "101000d"])
    func isNoDuration(_ text: String) { #expect(scalar(text).asDuration == nil) }

    @Test(arguments: [
        ("0", Int64(0)), ("512", 512), ("16kB", 16_384), ("100MB", 104_857_600), ("1.5GB", 1_610_612_736),
        ("2 TB", 2_199_023_255_552), ("32M", 33_554_432), ("8B", 8),
    ])
    func readsByteCounts(_ text: String, _ expected: Int64) { #expect(scalar(text).asByteCount == expected) }

    @Test(arguments: ["", "MB", "-1", "5XB", "99999999999999TB", "1e3", "1 M B", "NaN", "inf"])
    func isNoByteCount(_ text: String) { #expect(scalar(text).asByteCount == nil) }

    @Test(arguments: [
        ("", YAMLValue.null), ("~", .null), ("null", .null), ("on", true), ("12", 12), ("1.5", .double(1.5)),
        ("1e3", .double(1000)), ("nan", "nan"), ("0x10", "0x10"), ("010", "010"), ("10.0.0.1", "10.0.0.1"), ("text", "text"),
    ])
    func plainTextIsTypedByYAMLsRulesAndQuotedTextIsText(_ text: String, _ expected: YAMLValue) {
        #expect(scalar(text).value == expected)
        #expect(scalar(text, .singleQuoted).value == .string(text))
    }

    @Test(arguments: [
        ("endpont", "endpoints"), ("ADDRESS", "address"), ("data-directory", "data_directory"), ("prot", "port"),
    ])
    func suggestsTheNearestWord(_ typed: String, _ meant: String) {
        #expect(nearest(to: typed, among: ["endpoints", "address", "data_directory", "port", "user"]) == meant)
    }

    @Test func suggestsNothingWhenNothingIsNear() {
        #expect(nearest(to: "elephant", among: ["port", "user"]) == nil)
        #expect(nearest(to: String(repeating: "a", count: 100_000), among: ["port"]) == nil)
    }
}
