/// A libpq connection string: keywords in the order they were given, values quoted by libpq's rules
/// (PostgreSQL documentation, "Connection Strings").
public struct ConnectionInfo: Hashable, Sendable, CustomStringConvertible {
    public struct Pair: Hashable, Sendable {
        public var keyword: String
        public var value: String
    }

    public private(set) var pairs: [Pair] = []

    public init() {}

    /// What a standby needs to stream. The password is never in it: `passfile` names the file that has it.
    public static func replication(
        host: String, port: Int, user: String, passfile: String?, applicationName: String, sslmode: String = "prefer",
        extra: [(keyword: String, value: String)] = []
    ) -> ConnectionInfo {
        var info = ConnectionInfo()
        info["user"] = user
        info["passfile"] = passfile
        info["host"] = host
        info["port"] = String(port)
        info["sslmode"] = sslmode
        info["application_name"] = applicationName
        for (keyword, value) in extra { info[keyword] = value }
        return info
    }

    public subscript(keyword: String) -> String? {
        get { pairs.first { $0.keyword == keyword }?.value }
        set {
            let index = pairs.firstIndex { $0.keyword == keyword }
            switch (index, newValue) {
            case (let index?, let value?): pairs[index].value = value
            case (let index?, nil): pairs.remove(at: index)
            case (nil, let value?): pairs.append(Pair(keyword: keyword, value: value))
            case (nil, nil): break
            }
        }
    }

    public var description: String {
        pairs.map { "\($0.keyword)=\(Self.quoted($0.value))" }.joined(separator: " ")
    }

    /// Bare when that cannot be misread; otherwise in single quotes with backslashes before quotes and backslashes.
    private static func quoted(_ value: String) -> String {
        let isBare = !value.isEmpty && value.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || "-_./:,%@*+".utf8.contains(byte)
        }
        if isBare { return value }
        var result = "'"
        for scalar in value.unicodeScalars {
            if scalar == "'" || scalar == "\\" { result += "\\" }
            result.unicodeScalars.append(scalar)
        }
        return result + "'"
    }
}
