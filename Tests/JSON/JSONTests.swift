import JSON
import Testing

@Suite struct JSONTests {
    @Test func keepsTheOrderOfKeysAndUnknownNumbersExactly() throws {
        let text = #"{"b":7212345678901234567,"a":[1,2.5,null,true],"c":{"x":"é\n\"\\"}}"#
        #expect(try JSON(parsing: text).text == text)
    }

    @Test func readsSurrogatePairs() throws {
        #expect(try JSON(parsing: #""\ud83d\ude00""#) == .string("😀"))
        #expect(throws: JSONError.self) { try JSON(parsing: #""\ud83d""#) }
    }

    @Test(arguments: ["", "{", "[1,]", "01", "-", "1.", "{\"a\" 1}", "\"\u{1}\"", "nul", "1 2", "+1", "\"\\x\"", "\"\\u+123\""])
    func refuses(_ text: String) {
        #expect(throws: JSONError.self) { try JSON(parsing: text) }
    }

    @Test func refusesDeepNesting() {
        let text = String(repeating: "[", count: 300) + String(repeating: "]", count: 300)
        #expect(throws: JSONError.self) { try JSON(parsing: text) }
    }

    @Test func mergesLikePatroni() throws {
        let base: JSON = ["ttl": 30, "postgresql": ["parameters": ["a": 1, "b": 2]], "pause": true]
        let merged = base.merging(["pause": nil, "postgresql": ["parameters": ["b": 3]], "loop_wait": 5])
        #expect(merged == ["ttl": 30, "postgresql": ["parameters": ["a": 1, "b": 3]], "loop_wait": 5])
    }

    @Test func equalityIgnoresOrder() {
        #expect(["a": 1, "b": 2] as JSON == ["b": 2, "a": 1] as JSON)
    }
}
