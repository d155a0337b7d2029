import Facts
import PostgresModel

/// Readers for what standard commands and /proc files print. Every one answers nil, or an empty list, for text it
/// does not know, never a guess.
enum CommandOutput {
    /// pg_controldata's `Name:   value` lines, printed in the C locale.
    static func control(_ text: String) -> ControlFacts? {
        var fields: [String: String] = [:]
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[String(line[..<colon])] = line[line.index(after: colon)...].trimmed
        }
        guard let identifier = fields["Database system identifier"].flatMap({ SystemIdentifier($0) }),
            let timeline = fields["Latest checkpoint's TimeLineID"].flatMap({ UInt32($0) }),
            let state = fields["Database cluster state"]
        else { return nil }
        return ControlFacts(
            systemIdentifier: identifier, timeline: Timeline(timeline), clusterState: state,
            dataChecksums: (fields["Data page checksum version"] ?? "0") != "0",
            walLogHints: fields["wal_log_hints setting"] == "on",
            walBlockSize: fields["WAL block size"].flatMap { Int($0) },
            walSegmentSize: fields["Bytes per WAL segment"].flatMap { Int($0) },
            blockSize: fields["Database block size"].flatMap { Int($0) })
    }

    /// `postgres (PostgreSQL) 15.8 (Debian ...)`; `17beta2` counts as minor 0.
    static func version(_ text: String) -> ServerVersion? {
        for word in text.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
            let digits = word.prefix { $0.isASCII && $0.isNumber }
            guard let major = Int(digits), major < 1000 else { continue }
            let rest = word.dropFirst(digits.count)
            guard rest.hasPrefix(".") else { return ServerVersion(major * 10_000) }
            let parts = rest.dropFirst().split(separator: ".").map { Int($0.prefix { $0.isASCII && $0.isNumber }) ?? 0 }
            if major >= 10 { return ServerVersion(major * 10_000 + min(parts.first ?? 0, 9999)) }
            return ServerVersion(major * 10_000 + min(parts.first ?? 0, 99) * 100 + min(parts.dropFirst().first ?? 0, 99))
        }
        return nil
    }

    /// `df -Pk`: the available blocks of the one file system shown.
    static func availableSpace(_ text: String) -> (space: ByteCount, filesystem: String)? {
        guard let line = text.split(separator: "\n").dropFirst().first else { return nil }
        let fields = line.split(separator: " ")
        // Names of devices and mount points may contain blanks; the percentage is the landmark.
        guard let percent = fields.lastIndex(where: { $0.hasSuffix("%") || $0 == "-" }), percent >= 3,
            let kilobytes = Int64(fields[percent - 1]), kilobytes < Int64.max / 1024
        else { return nil }
        return (ByteCount(kilobytes * 1024), fields[(percent + 1)...].joined(separator: " "))
    }

    /// `df -Pi`: free inodes of the one file system shown; 0 where it has no fixed number of them.
    static func availableInodes(_ text: String) -> Int64? {
        guard let line = text.split(separator: "\n").dropFirst().first else { return nil }
        let fields = line.split(separator: " ")
        guard let percent = fields.lastIndex(where: { $0.hasSuffix("%") || $0 == "-" }), percent >= 3 else { return nil }
        return Int64(fields[percent - 1])
    }

    /// `df -Pk`: the size of the one file system shown.
    static func totalSpace(_ text: String) -> ByteCount? {
        guard let line = text.split(separator: "\n").dropFirst().first else { return nil }
        let fields = line.split(separator: " ")
        guard let percent = fields.lastIndex(where: { $0.hasSuffix("%") || $0 == "-" }), percent >= 3,
            let kilobytes = Int64(fields[percent - 3]), kilobytes < Int64.max / 1024
        else { return nil }
        return ByteCount(kilobytes * 1024)
    }

    /// /sys/dev/block/M:N/stat: writes completed is the fifth number, milliseconds spent on them the eighth.
    static func writeMilliseconds(_ text: String) -> Double? {
        let values = text.split(whereSeparator: { $0.isWhitespace }).compactMap { Double($0) }
        guard values.count >= 8, values[4] >= 1000 else { return nil }
        return values[7] / values[4]
    }

    /// `KEY=value` lines, quotes around the value removed: os-release, systemctl show.
    static func assignments(_ text: String) -> [String: String] {
        var result: [String: String] = [:]
        for line in text.split(separator: "\n") {
            guard let equals = line.firstIndex(of: "=") else { continue }
            var value = line[line.index(after: equals)...]
            if let quote = value.first, quote == "\"" || quote == "'", value.count > 1, value.last == quote {
                value = value.dropFirst().dropLast()
            }
            result[String(line[..<equals])] = String(value)
        }
        return result
    }

    /// /proc/PID/stat: the start time in clock ticks since boot, field 22. The name in field 2 may contain anything.
    static func startTicks(_ stat: String) -> UInt64? {
        guard let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        return fields.count > 19 ? UInt64(fields[19]) : nil
    }

    /// The unit a cgroup path names: its last component that is a service or a scope.
    static func unit(cgroup: String) -> String? {
        for line in cgroup.split(separator: "\n") {
            let parts = line.split(separator: "/")
            if let unit = parts.last(where: { $0.hasSuffix(".service") || $0.hasSuffix(".scope") }) { return String(unit) }
        }
        return nil
    }

    /// `0100007F:1538` lines of /proc/net/tcp: the ports, sorted.
    static func listeningPorts(_ text: String) -> [Int] {
        let ports = text.split(separator: "\n").compactMap { line in
            line.split(separator: ":").last.flatMap { Int($0.trimmed, radix: 16) }
        }
        return Set(ports).sorted()
    }

    /// Arguments, each followed by a unit separator (0x1F) in place of the zero byte that /proc has.
    static func arguments(_ text: String) -> [String] {
        var words = text.split(separator: "\u{1F}", omittingEmptySubsequences: false).map(String.init)
        if words.last == "" { words.removeLast() }
        return words
    }

    /// What a connection attempt's exit code and message mean.
    static func reachOutcome(code: Int, said: String, way: String) -> ReachFacts.Outcome {
        if way == "none" { return .unknown }
        if code == 0 { return .open }
        let text = said.lowercased()
        if text.contains("refused") { return .refused }
        if code == 124 || code == 143 || text.contains("timed out") { return .timeout }
        if ["name or service", "temporary failure in name", "not known", "bad address", "invalid host"]
            .contains(where: text.contains)
        {
            return .noSuchName
        }
        if text.contains("unreachable") || text.contains("no route") { return .unreachable }
        // nc without -v says nothing when a port is closed.
        return way == "nc" && text.isEmpty ? .refused : .unreachable
    }

    /// `/etc/postgresql/15/main/postgresql.conf` or unit `postgresql@15-main.service`: `15/main`.
    static func debianCluster(configFile: String?, unit: String?) -> String? {
        if let parts = configFile?.split(separator: "/"), parts.count == 5, parts[0] == "etc", parts[1] == "postgresql",
            parts[4] == "postgresql.conf"
        {
            return "\(parts[2])/\(parts[3])"
        }
        guard let unit, unit.hasPrefix("postgresql@"), unit.hasSuffix(".service") else { return nil }
        let name = unit.dropFirst("postgresql@".count).dropLast(".service".count)
        guard let dash = name.firstIndex(of: "-") else { return nil }
        return "\(name[..<dash])/\(name[name.index(after: dash)...])"
    }
}
