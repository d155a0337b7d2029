import PostgresModel
import Testing

/// Whatever stands in postgresql.conf and pg_hba.conf, reading ends with a value, and what is written keeps the rest.
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

    private static let conf = """
        # owner's file
        max_connections = 100   # (change requires restart)
        shared_buffers = '128MB'
        archive_command = 'cp ''%p'' /a/%f'
        include_dir 'conf.d'
        include_if_exists = 'x.conf'
        search_path='"$user", public'
        escaped = 'a\\'b\\n'

        """

    private static let hba = """
        # TYPE DATABASE USER ADDRESS METHOD
        local all postgres peer map=x
        host "replication",all +group,@file 10.0.0.0/8 scram-sha-256
        hostssl all all 192.168.0.0 255.255.0.0 cert clientcert=verify-full
        host all all ::1/128 md5
        host all all .example.com ldap ldapserver="a b"
        include other.conf

        """

    private func mutated(_ original: [UInt8], _ random: inout Generator) -> [UInt8] {
        var bytes = original
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            guard !bytes.isEmpty else { return original }
            let index = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0...3, using: &random) {
            case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.remove(at: index)
            case 2: bytes.insert(Array("'\"\\#=,\n\t /@+".utf8).randomElement(using: &random) ?? 0, at: index)
            default: bytes.removeSubrange(index..<min(bytes.count, index + 12))
            }
        }
        return bytes
    }

    @Test func postgresqlConf() {
        var random = Generator(state: 11)
        for _ in 0..<5000 {
            let text = String(decoding: mutated(Array(Self.conf.utf8), &random), as: UTF8.self)
            let file = ConfFile(text: text)
            let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" || $0 == "\r" }.count
            #expect(file.settings.allSatisfy { (1...lines).contains($0.number) && !$0.name.isEmpty })
            #expect(file.invalidLines.allSatisfy { (1...lines).contains($0) })
            _ = file.last("max_connections")
        }
    }

    @Test func pgHBAConf() {
        var random = Generator(state: 12)
        let connection = HBAConnection(
            database: .replication, user: "r", address: IPAddress("10.0.0.1"), hostName: "a.example.com", usesTLS: true,
            roles: ["group"])
        for _ in 0..<5000 {
            let bytes = mutated(Array(Self.hba.utf8), &random)
            let file = HBAFile(bytes: bytes)
            #expect(file.bytes == bytes, "reading changes nothing")
            _ = file.firstMatch(connection)
            #expect(file.errors.allSatisfy { !$0.isEmpty })
            // What is put in can be taken out again, whatever is around it.
            let ours = file.replacingManagedBlock(with: ["host replication r 10.0.0.1/32 scram-sha-256"])
            #expect(ours.managedLines == ["host replication r 10.0.0.1/32 scram-sha-256"])
            #expect(ours.removingManagedBlock().rules.map(\.summary) == file.removingManagedBlock().rules.map(\.summary))
        }
    }

    @Test func randomBytes() {
        var random = Generator(state: 13)
        for _ in 0..<3000 {
            let count = Int.random(in: 0...120, using: &random)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            _ = HBAFile(bytes: bytes).errors
            _ = ConfFile(text: String(decoding: bytes, as: UTF8.self)).settings
        }
    }
}
