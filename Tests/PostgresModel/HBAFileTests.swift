import PostgresModel
import Testing

struct HBAFileTests {
    private func match(
        _ text: String, _ database: HBAConnection.Database, user: String = "app", from: String? = nil, tls: Bool = false,
        host: String? = nil, roles: Set<String> = []
    ) -> Int? {
        let connection = HBAConnection(
            database: database, user: user, address: from.flatMap { IPAddress($0) }, hostName: host, usesTLS: tls, roles: roles)
        return HBAFile(text: text).firstMatch(connection)?.line
    }

    @Test func `the first matching record decides`() {
        let text = "local all postgres peer\nhost all all 10.0.0.0/8 reject\nhost all all all md5\n"
        #expect(match(text, .named("shop"), from: "10.1.2.3") == 2)
        #expect(match(text, .named("shop"), from: "11.1.2.3") == 3)
        #expect(match(text, .named("shop"), user: "postgres") == 1)
        #expect(match(text, .named("shop")) == nil)
    }

    @Test func `all does not mean replication, and quotes take a keyword's meaning away`() {
        let text = "host all all all trust\nhost \"replication\" all all md5\nhost replication all all scram-sha-256\n"
        #expect(match(text, .replication, from: "10.0.0.1") == 3)
        #expect(match("host \"replication\" all all md5\n", .named("replication"), from: "10.0.0.1") == 1)
        #expect(match("host \"all\" all all md5\n", .named("shop"), from: "10.0.0.1") == nil)
    }

    @Test func `masks, prefixes and IPv6 are understood`() {
        #expect(match("host all all 192.168.4.0 255.255.252.0 md5\n", .named("x"), from: "192.168.7.9") == 1)
        #expect(match("host all all 192.168.4.0 255.255.252.0 md5\n", .named("x"), from: "192.168.8.1") == nil)
        #expect(match("host all all fe80::/10 md5\n", .named("x"), from: "fe80::1%eth0") == 1)
        #expect(match("host all all ::1/128 md5\n", .named("x"), from: "::1") == 1)
        #expect(match("host all all 0.0.0.0/0 md5\n", .named("x"), from: "::1") == nil)
        #expect(match("host all all samehost md5\n", .named("x"), from: "127.0.0.1") == 1)
        #expect(match("host all all .example.com md5\n", .named("x"), from: "10.0.0.1", host: "a.Example.com") == 1)
    }

    @Test func `lists, sameuser, roles, TLS and continued lines are understood`() {
        #expect(match("host a, b ,c u,v all md5\n", .named("b"), user: "v", from: "1.2.3.4") == nil)
        #expect(match("host a, b u,v all md5\n", .named("b"), user: "v", from: "1.2.3.4") == 1)
        #expect(match("local sameuser all md5\n", .named("app")) == 1)
        #expect(match("local all +staff md5\n", .named("x"), roles: ["staff"]) == 1)
        #expect(match("hostssl all all all md5\nhostnossl all all all reject\n", .named("x"), from: "1.2.3.4") == 2)
        #expect(match("# c\nhost all \\\n all all \\\n md5 # x\n", .named("x"), from: "1.2.3.4") == 2)
    }

    @Test func `what PostgreSQL would refuse is an error with its line`() {
        let file = HBAFile(text: "\nhost all all\nlocl all all md5\nhost all all 10.0.0.0/33 md5\nlocal all \"x\nlocal all all nope\n")
        #expect(file.rules.isEmpty)
        #expect(file.errors.map { String($0.prefix(6)) } == ["line 2", "line 3", "line 4", "line 5", "line 6"])
        #expect(HBAFile(text: "include_dir conf.d\n").hasIncludes)
    }

    @Test func `the managed block is put in, replaced and taken out, and every other byte stays`() {
        let owner: [[UInt8]] = [
            Array("local all all peer\r\n\thost all all all md5".utf8), [], [0xFF, 0x0A, 0x00, 0xE4],
            Array("# END pgadopt\n# BEGIN pgadopt torn\nlocal all all peer\n".utf8),
        ]
        for bytes in owner {
            let file = HBAFile(bytes: bytes)
            let once = file.replacingManagedBlock(with: ["host replication r 10.0.0.2/32 scram-sha-256"])
            #expect(once.managedLines == ["host replication r 10.0.0.2/32 scram-sha-256"])
            #expect(Array(once.bytes.suffix(bytes.count)) == bytes)
            let twice = once.replacingManagedBlock(with: ["local all a peer", "local all b peer"])
            #expect(twice.managedLines == ["local all a peer", "local all b peer"])
            #expect(twice.removingManagedBlock().bytes == bytes)
            #expect(file.removingManagedBlock().bytes == bytes)
            #expect(once.rules.first?.users.first?.text == "r")
        }
    }

    @Test func `no bytes crash the parsers, and removing a block is always the inverse`() {
        var generator = SystemRandomNumberGenerator()
        let words = ["host", "local", "all", "\"", ",", "\\\n", "\n", "#", " ", "10.0.0.0/8", "::", "/", "md5", "@x", "include",
            "# BEGIN pgadopt", "# END pgadopt", "=", "'", "port", "\r"]
        for _ in 0..<5_000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0..<25, using: &generator) {
                if Int.random(in: 0..<4, using: &generator) == 0 {
                    bytes.append(UInt8.random(in: 0...255, using: &generator))
                } else {
                    bytes += Array(words.randomElement(using: &generator)!.utf8)
                }
            }
            let file = HBAFile(bytes: bytes)
            _ = file.firstMatch(HBAConnection(database: .replication, user: "r", address: IPAddress("10.0.0.1")))
            if file.managedLines == nil {
                #expect(file.replacingManagedBlock(with: ["x"]).removingManagedBlock().bytes == bytes)
            }
            let text = String(decoding: bytes, as: UTF8.self)
            _ = ConfFile(text: text)
            _ = redactingSecrets(text)
            _ = IPAddress(text)
        }
    }
}
