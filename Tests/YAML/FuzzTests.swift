import Testing
import YAML

/// Whatever the bytes, the parser answers with a document or an error; it neither crashes nor hangs.
@Suite struct FuzzTests {
    /// SplitMix64: the same inputs in every run.
    struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    private static let seed = """
        # comment
        a: &x {b: 'c', d: [1, 2.5, "\\u00e9"], <<: {e: ~}}
        f: *x
        g: |
          literal
        h: >-
          folded
        ? i
        : !!str 5
        - bad

        """

    private func outcome(_ bytes: [UInt8]) -> Bool {
        do throws(YAMLError) {
            let node = try YAMLDocument.parse(bytes, file: "f")
            // Walking and writing the result must hold too.
            if let value = node?.value { _ = value.yamlText }
            return true
        } catch {
            #expect(error.position.line >= 1 && error.position.column >= 1)
            return false
        }
    }

    @Test func randomBytes() {
        var random = Generator(state: 1)
        for _ in 0..<4000 {
            let count = Int.random(in: 0...200, using: &random)
            _ = outcome((0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
    }

    @Test func randomYAMLCharacters() {
        var random = Generator(state: 2)
        let alphabet = Array("ab:-?[]{},&*!|>'\"%@#<~ \n\n  \t\\é0.".utf8)
        var good = 0
        for _ in 0..<10_000 {
            let count = Int.random(in: 0...60, using: &random)
            if outcome((0..<count).map { _ in alphabet.randomElement(using: &random) ?? 0 }) { good += 1 }
        }
        #expect(good > 100, "the alphabet should also give documents")
    }

    @Test func mutationsOfARealDocument() throws {
        var random = Generator(state: 3)
        let original = Array(Self.seed.utf8)
        for _ in 0..<10_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0...3, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                case 2: bytes.insert(bytes.randomElement(using: &random) ?? 0, at: index)
                default: bytes.removeSubrange(index..<min(bytes.count, index + 9))
                }
                if bytes.isEmpty { bytes = original }
            }
            _ = outcome(bytes)
        }
    }

    /// What is read, written and read again means the same.
    @Test func whateverIsReadComesBackFromTheEmitter() throws {
        var random = Generator(state: 4)
        let alphabet = Array("ab:-[]{},'\"#~ \n  é0.1on".utf8)
        for _ in 0..<10_000 {
            let count = Int.random(in: 0...40, using: &random)
            let bytes = (0..<count).map { _ in alphabet.randomElement(using: &random) ?? 0 }
            guard let node = try? YAMLDocument.parse(bytes, file: "f") else { continue }
            #expect(try YAMLDocument.parse(node.value.yamlText, file: "f")?.value == node.value)
        }
    }
}
