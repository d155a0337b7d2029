import JSON
import PostgresModel

extension Member {
    /// Decodes `members/NAME`: JSON; or the old URL form `postgres://...?application_name=API_URL`; broken text
    /// is a member that says nothing. A known key whose value is of the wrong kind stays in `other` as it is.
    init(name: String, decoding stored: StoredValue) {
        self.init(name: name, lease: stored.lease)
        let text = stored.text
        if text.hasPrefix("postgres") {
            decodeURL(text)
        } else if let object = stored.object {
            decode(object)
        }
    }

    private mutating func decodeURL(_ text: String) {
        let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        connURL = String(parts[0])
        guard parts.count == 2 else { return }
        for pair in parts[1].split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if sides.count == 2, sides[0] == "application_name" { apiURL = percentDecoded(sides[1]) }
        }
    }

    private mutating func decode(_ object: JSONObject) {
        var rest = object
        func take<Value>(_ key: String, _ read: (JSON) -> Value?) -> Value? {
            guard let value = rest[key].flatMap(read) else { return nil }
            rest[key] = nil
            return value
        }
        connURL = take("conn_url", \.string)
        apiURL = take("api_url", \.string)
        state = take("state") { $0.string.flatMap(MemberState.init(rawValue:)) }
        role = take("role") { $0.string.flatMap { $0 == "master" ? .primary : MemberRole(rawValue: $0) } }
        version = take("version", \.string)
        checkpointAfterPromote = take("checkpoint_after_promote", \.bool)
        tags = take("tags", \.object) ?? [:]
        pendingRestart = take("pending_restart", \.bool) ?? false
        pendingRestartReason = take("pending_restart_reason", \.object) ?? [:]
        xlogLocation = take("xlog_location", \.lsn)
        replayLSN = take("replay_lsn", \.lsn)
        receiveLSN = take("receive_lsn", \.lsn)
        replicationState = take("replication_state", \.string)
        timeline = take("timeline", \.timeline)
        pause = take("pause", \.bool) ?? false
        other = rest
    }

    /// The value of `members/NAME` with Patroni's keys in Patroni's order; write it with `.text` (compact).
    /// Keys of `other` keep their place when Patroni knows them and follow at the end when not.
    public var json: JSON {
        var known = JSONObject()
        known["conn_url"] = connURL.map(JSON.string)
        known["api_url"] = apiURL.map(JSON.string)
        known["state"] = state.map { .string($0.rawValue) }
        known["role"] = role.map { .string($0.rawValue) }
        known["version"] = version.map(JSON.string)
        known["checkpoint_after_promote"] = checkpointAfterPromote.map(JSON.bool)
        known["tags"] = tags.isEmpty ? nil : .object(tags)
        known["pending_restart"] = pendingRestart ? true : nil
        known["pending_restart_reason"] = pendingRestartReason.isEmpty ? nil : .object(pendingRestartReason)
        known["xlog_location"] = xlogLocation.map(\.json)
        known["replay_lsn"] = replayLSN.map(\.json)
        known["receive_lsn"] = receiveLSN.map(\.json)
        known["replication_state"] = replicationState.map(JSON.string)
        known["timeline"] = timeline.map { .int(Int64($0.rawValue)) }
        known["pause"] = pause ? true : nil
        var result = JSONObject()
        for key in Self.keyOrder { result[key] = known[key] ?? other[key] }
        for (key, value) in other where result[key] == nil { result[key] = value }
        return .object(result)
    }

    private static let keyOrder = [
        "conn_url", "api_url", "state", "role", "version", "proxy_url", "checkpoint_after_promote", "tags",
        "pending_restart", "pending_restart_reason", "xlog_location", "replay_lsn", "receive_lsn",
        "replication_state", "timeline", "scheduled_restart", "pause",
    ]

    /// Host and port of `conn_url`, as a standby's primary_conninfo needs them; the port is 5432 when not given.
    public var address: (host: String, port: Int)? {
        guard let connURL, let scheme = connURL.firstRange(of: "://") else { return nil }
        let authority = connURL[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" }
        let hostPort = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        let host: Substring
        var rest: Substring
        if hostPort.hasPrefix("["), let close = hostPort.firstIndex(of: "]") {
            host = hostPort[hostPort.index(after: hostPort.startIndex)..<close]
            rest = hostPort[hostPort.index(after: close)...]
        } else {
            host = hostPort.prefix { $0 != ":" }
            rest = hostPort.dropFirst(host.count)
        }
        guard !host.isEmpty else { return nil }
        if rest.isEmpty || rest == ":" { return (percentDecoded(host), 5432) }
        rest = rest.dropFirst()
        guard let port = UInt16(rest), port > 0 else { return nil }
        return (percentDecoded(host), Int(port))
    }
}

extension LSN {
    /// The integer form of the store.
    var json: JSON { .int(Int64(clamping: rawValue)) }
}

/// `%41` and `+` as in a URL's query; a broken escape stays as it is.
private func percentDecoded(_ text: some StringProtocol) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
        let digits = rest.prefix(2)
        if byte == UInt8(ascii: "%"), digits.count == 2, digits.allSatisfy(isHexDigit),
            let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
        {
            bytes.append(value)
            rest = rest.dropFirst(2)
        } else {
            bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
        }
    }
    return String(decoding: bytes, as: UTF8.self)
}

private func isHexDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
        UInt8(ascii: "A")...UInt8(ascii: "F"):
        true
    default: false
    }
}

