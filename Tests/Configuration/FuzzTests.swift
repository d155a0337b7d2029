import Configuration
import JSON
import Testing

/// Broken configurations give problems, never a crash.
@Suite struct FuzzTests {
    /// SplitMix64: the same inputs in every run.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    @Test func mutationsOfAPatroniFile() {
        var random = Generator(state: 7)
        let original = Array(AgentConfigurationTests.patroni.utf8)
        for _ in 0..<2000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0...2, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.removeSubrange(index..<min(bytes.count, index + Int.random(in: 1...30, using: &random)))
                default: bytes.insert(bytes.randomElement(using: &random) ?? 0, at: index)
                }
                if bytes.isEmpty { bytes = original }
            }
            let reading = AgentConfiguration.read(bytes, path: "f")
            #expect((reading.configuration == nil) == reading.problems.contains { $0.severity == .error })
        }
    }

    @Test func randomValuesOfTheClustersConfiguration() {
        var random = Generator(state: 8)
        let keys = [
            "ttl", "loop_wait", "retry_timeout", "rto", "slots", "ignore_slots", "postgresql", "parameters", "pause",
            "maximum_lag_on_failover", "synchronous_mode", "synchronous_node_count", "primary_start_timeout", "x",
        ]
        func value(_ depth: Int) -> JSON {
            switch Int.random(in: 0...(depth > 2 ? 5 : 7), using: &random) {
            case 0: return .null
            case 1: return .bool(.random(using: &random))
            case 2: return .int(Int64.random(in: .min ... .max, using: &random))
            case 3: return .double([1.5, -0.0, 1e300, .nan, .infinity].randomElement(using: &random) ?? 0)
            case 4: return .int(Int64.random(in: -3...100, using: &random))
            case 5: return .string([
                "", "on", "30s", "-1", "1e99", "quorum", "9223372036854775807",
            ].randomElement(using: &random) ?? "")
            case 6: return .array((0..<Int.random(in: 0...3, using: &random)).map { _ in value(depth + 1) })
            default:
                var object = JSONObject()
                for _ in 0..<Int.random(in: 0...6, using: &random) {
                    object[keys.randomElement(using: &random) ?? "x"] = value(depth + 1)
                }
                return .object(object)
            }
        }
        for _ in 0..<5000 {
            let settings = DynamicConfiguration.read(value(0)).configuration
            #expect(settings.loopWait + settings.retryTimeout * 2 <= settings.ttl)
            #expect(settings.ttl >= .seconds(3) && settings.retryTimeout > .zero)
        }
    }

    @Test func anyEnvironment() {
        var random = Generator(state: 9)
        let names = [
            "PATRONI_NAME", "PATRONI_RESTAPI_LISTEN", "PATRONI_RESTAPI_ALLOWLIST", "PATRONI_LOG_LOGGERS",
            "PATRONI_LOG_FORMAT", "PATRONI_ETCD3_HOSTS", "PATRONI_ETCD3_PORT", "PATRONI_SUPERUSER_PASSWORD",
            "PATRONI_POSTGRESQL_BIN_POSTGRES", "PATRONI_CONSUL_HOST", "PATRONI_", "PATRONI_X_OPTIONS", "PGADOPT_GUARD",
        ]
        let alphabet = Array("ab0:-[]{},'\"%()s\n #&*é".unicodeScalars)
        let file = ConfigurationSource(name: "f", bytes: Array(SectionTests.base.utf8))
        for _ in 0..<3000 {
            var environment: [String: String] = [:]
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                var text = String.UnicodeScalarView()
                for _ in 0..<Int.random(in: 0...20, using: &random) {
                    text.append(alphabet.randomElement(using: &random) ?? "a")
                }
                environment[names.randomElement(using: &random) ?? ""] = String(text)
            }
            let reading = AgentConfiguration.read([file], environment: environment)
            #expect((reading.configuration == nil) == reading.problems.contains { $0.severity == .error })
            #expect(reading.problems.allSatisfy { $0.file == "f" || environment[$0.file] != nil })
            #expect(reading.problems.allSatisfy { !$0.description.contains("\n") })
        }
    }

    /// The one parser of operators' commands.
    @Test func anyCommand() {
        var random = Generator(state: 10)
        let alphabet = Array("ab '\"\\\t$".unicodeScalars)
        for _ in 0..<5000 {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...14, using: &random) { text.append(alphabet.randomElement(using: &random) ?? "a") }
            guard let words = CommandWords(String(text)) else { continue }
            #expect(CommandWords(words.quoted) == words, "\(String(text))")
        }
    }
}
