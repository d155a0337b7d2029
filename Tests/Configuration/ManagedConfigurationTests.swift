import Configuration
import Testing

@Suite struct ManagedConfigurationTests {
    @Test func aPrimarysFileHasSortedSettingsOnly() throws {
        let text = try ManagedConfiguration(
            scope: "orders", member: "h1", parameters: ["work_mem": "64MB", "Archive_Mode": "on", "auto_explain.log": "x"]
        ).render()
        #expect(text == """
            # Written by pgadopt-agent for orders, member h1. Changes made here are lost.
            # Settings of this server: the agent's configuration file, section postgresql.parameters.
            Archive_Mode = 'on'
            auto_explain.log = 'x'
            work_mem = '64MB'

            """)
    }

    @Test func aStandbysFileSaysWhomToFollow() throws {
        let info = ConnectionInfo.replication(
            host: "10.0.0.1", port: 5432, user: "replicator", passfile: "/var/lib/pg adopt/it's", applicationName: "h2")
        let text = try ManagedConfiguration(
            scope: "orders", member: "h2", parameters: ["Primary_Slot_Name": "stale"],
            standby: .init(primaryConnInfo: info, primarySlotName: "h2")
        ).render()
        #expect(text.hasSuffix(#"""
            primary_conninfo = 'user=replicator passfile=''/var/lib/pg adopt/it\\''s'' host=10.0.0.1 port=5432 sslmode=prefer application_name=h2'
            primary_slot_name = 'h2'
            recovery_target_timeline = 'latest'

            """#))
        #expect(!text.contains("stale"))
    }

    @Test func aStandbyWithoutAnUpstreamHasEmptySettings() throws {
        let text = try ManagedConfiguration(scope: "s", member: "m", standby: .init(primaryConnInfo: nil)).render()
        #expect(text.hasSuffix("primary_conninfo = ''\nprimary_slot_name = ''\nrecovery_target_timeline = 'latest'\n"))
    }

    static let hostile = [
        "", "'", "''", "\\", "\\'", "'; include 'x'", "a\nb = 'c'", "\r\n", "\t", "#", "é日😀", "a'b\\c\nd", "\\\\", "\\n",
        "\u{1}\u{7F}", "$(reboot)", "`id`", "%p", "host=evil", " lead", "trail ", "\\134", "\u{2028}", "e\u{301}",
    ]

    @Test(arguments: hostile)
    func everyValueArrivesInPostgreSQLAsItIs(_ value: String) throws {
        let text = try ManagedConfiguration(scope: "s\n'", member: "m\r", parameters: ["x": value, "y": "1"]).render()
        // Other line terminators of Unicode are none to PostgreSQL.
        let lines = text.unicodeScalars.split(separator: "\n").map { String($0) }.filter { !$0.hasPrefix("#") }
        #expect(lines.count == 2)
        #expect(lines[0].hasPrefix("x = "))
        #expect(unquote(String(lines[0].dropFirst(4)))?.unicodeScalars.elementsEqual(value.unicodeScalars) == true)
    }

    @Test(arguments: hostile)
    func everyConnectionValueArrivesInLibpqAsItIs(_ value: String) throws {
        let info = ConnectionInfo.replication(
            host: value, port: 5432, user: "u", passfile: value, applicationName: value, extra: [("channel_binding", value)])
        let text = try ManagedConfiguration(scope: "s", member: "m", standby: .init(primaryConnInfo: info)).render()
        let line = try #require(text.unicodeScalars.split(separator: "\n").map { String($0) }
            .first { $0.hasPrefix("primary_conninfo = ") })
        let carried = try #require(unquote(String(line.dropFirst("primary_conninfo = ".count))))
        let pairs = try #require(parseConnectionString(carried))
        #expect(pairs.map(\.0) == ["user", "passfile", "host", "port", "sslmode", "application_name", "channel_binding"])
        #expect(pairs.map(\.1) == ["u", value, value, "5432", "prefer", value, value])
    }

    @Test(arguments: ["", "a b", "1a", "a-b", "a=b", "a.b.c", "a.", ".a", "é", "a\nb", "include", "INCLUDE_DIR", "a'"])
    func aNameThatIsNoSettingsNameIsRefused(_ name: String) {
        let error = #expect(throws: ConfigurationError.self) {
            try ManagedConfiguration(scope: "s", member: "m", parameters: [name: "1"]).render()
        }
        #expect(error?.code == .notRepresentable(name: name))
    }

    @Test func aNulAndANameThatIsThereTwiceAreRefused() {
        #expect(throws: ConfigurationError.self) {
            try ManagedConfiguration(scope: "s", member: "m", parameters: ["a": "x\0y"]).render()
        }
        #expect(throws: ConfigurationError.self) {
            try ManagedConfiguration(scope: "s", member: "m", parameters: ["a": "x", "A": "y"]).render()
        }
    }

    @Test func aKeywordThatIsSetAgainKeepsItsPlace() {
        var info = ConnectionInfo()
        info["host"] = "a"
        info["user"] = "u"
        info["host"] = "b"
        #expect(info.description == "host=b user=u")
        info["user"] = nil
        #expect(info.description == "host=b")
    }
}

/// PostgreSQL's reading of a quoted value (guc-file.l's STRING and its unescaping), written independently of the
/// writer; nil: not one string up to the end of the line.
private func unquote(_ text: String) -> String? {
    let scalars = Array(text.unicodeScalars)
    guard scalars.count >= 2, scalars.first == "'", scalars.last == "'" else { return nil }
    var result = String.UnicodeScalarView()
    var index = 1
    while index < scalars.count - 1 {
        let scalar = scalars[index]
        let next = index + 1 < scalars.count - 1 ? scalars[index + 1] : nil
        switch scalar {
        case "'":
            guard next == "'" else { return nil }
            result.append("'")
            index += 2
        case "\\":
            guard let next else { return nil }
            guard !("0"..."7").contains(next) else { return nil }
            result.append(["n": "\n", "r": "\r", "t": "\t", "b": "\u{8}", "f": "\u{C}"][next] ?? next)
            index += 2
        default:
            result.append(scalar)
            index += 1
        }
    }
    return String(result)
}

/// libpq's reading of a connection string (conninfo_parse).
private func parseConnectionString(_ text: String) -> [(String, String)]? {
    var rest = text.unicodeScalars[...]
    let isSpace = { (scalar: Unicode.Scalar) in [" ", "\t", "\n", "\r", "\u{B}", "\u{C}"].contains(scalar) }
    var pairs: [(String, String)] = []
    while true {
        rest = rest.drop(while: isSpace)
        guard !rest.isEmpty else { return pairs }
        let keyword = rest.prefix { $0 != "=" && !isSpace($0) }
        rest = rest.dropFirst(keyword.count)
        guard rest.popFirst() == "=" else { return nil }
        var value = String.UnicodeScalarView()
        if rest.first == "'" {
            rest.removeFirst()
            while true {
                guard let scalar = rest.popFirst() else { return nil }
                if scalar == "'" { break }
                if scalar == "\\" {
                    guard let escaped = rest.popFirst() else { return nil }
                    value.append(escaped)
                } else {
                    value.append(scalar)
                }
            }
        } else {
            while let scalar = rest.first, !isSpace(scalar) {
                rest.removeFirst()
                value.append(scalar == "\\" ? rest.popFirst() ?? scalar : scalar)
            }
        }
        pairs.append((String(keyword), String(value)))
    }
}
