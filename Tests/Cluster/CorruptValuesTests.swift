import JSON
import Testing

@testable import Cluster

@Suite struct CorruptValuesTests {
    @Test func `Sound values need no words`() {
        #expect(CorruptValues.sentences(Live.keys) == [])
        #expect(CorruptValues.sentences([
            "failover": stored("a:b"), "status": stored("12"), "initialize": stored(""), "other/key": stored("{"),
            "members/x": stored("postgres://h/x?application_name=http://h:8008/patroni"),
        ]) == [])
    }

    @Test func `Each broken key has its sentence, and the value is not in it`() {
        let keys = [
            "leader": "", "initialize": "12a", "config": "[1]", "sync": "{", "failsafe": "x", "failover": "[]",
            "history": #"[[1,2],["x"]]"#, "status": "null", "members/h\n1": "nonsense",
        ]
        #expect(CorruptValues.sentences(keys.mapValues { stored($0) }) == [
            "the store's key 'config' is no JSON object: the last valid configuration stays in force",
            "the store's key 'failover' is no request for a switchover: it counts as none",
            "the store's key 'failsafe' is no JSON object: it counts as absent",
            "the store's key 'history' has 1 entries that are no timeline's end: they are passed over",
            "the store's key 'initialize' is no system identifier: it counts as not valid",
            "the store's key 'leader' is empty: it names no member",
            "the store's key 'members/h?1' is no JSON object: this member counts as one that says nothing",
            "the store's key 'status' is neither a JSON object nor a position: the leader's position is unknown",
            "the store's key 'sync' is no JSON object: nobody counts as synchronous",
        ])
    }

    /// Keys of Patroni 4.1.5 in quorum mode with tags, a pending restart and a scheduled switchover.
    @Test func `What Patroni 4.1 wrote is written again byte for byte`() throws {
        let keys = [
            "failover": #"{"leader":"n2","member":"n1","scheduled_at":"2030-01-01T00:00:00+00:00"}"#,
            "history": #"[[1,50508216,"no recovery target specified","2026-11-22T20:14:06.663782+00:00","n2"]]"#,
            "sync": #"{"leader":"n2","quorum":0,"sync_standby":"n1"}"#,
            "members/n1": #"{"conn_url":"postgres://127.0.0.1:24821/postgres","api_url":"http://127.0.0.1:24811/patroni","#
                + #""state":"running","role":"replica","version":"4.1.5","tags":{"clonefrom":true,"zone":"w1","#
                + #""nofailover":false,"failover_priority":2},"xlog_location":50508792,"replay_lsn":50508792,"#
                + #""receive_lsn":50508792,"replication_state":"streaming","timeline":2}"#,
            "members/n2": #"{"conn_url":"postgres://127.0.0.1:24822/postgres","api_url":"http://127.0.0.1:24812/patroni","#
                + #""state":"running","role":"primary","version":"4.1.5","tags":{"clonefrom":true,"zone":"w2","#
                + #""nofailover":false,"failover_priority":2},"pending_restart":true,"pending_restart_reason":"#
                + #"{"max_connections":{"old_value":"30","new_value":"40"}},"xlog_location":50508792,"timeline":2}"#,
            "config": #"{"ttl":20,"loop_wait":2,"retry_timeout":3,"synchronous_mode":"quorum","failsafe_mode":true,"#
                + #""slots":{"perm":{"type":"physical"}},"postgresql":{"use_pg_rewind":true,"parameters":"#
                + #"{"max_connections":40,"shared_buffers":"16MB"}}}"#,
        ]
        let view = decode(keys)
        #expect(view.failover?.json.text == keys["failover"])
        #expect(HistoryEntry.json(view.history).text == keys["history"])
        #expect(view.sync?.json.text == keys["sync"])
        #expect(view.member("n1")?.json.text == keys["members/n1"])
        #expect(view.member("n2")?.json.text == keys["members/n2"])
        #expect(view.config?.value.text == keys["config"])
        let status = #"{"optime":50508792,"slots":{"n1":50508792,"perm":33554472,"n2":50508792},"retain_slots":["n1","n2"]}"#
        // The order of slots is not kept: it means nothing, and ours is sorted.
        #expect(decode(["status": status]).status.json == (try JSON(parsing: status)))
    }

    /// Any bytes in any key: no crash, and a sentence wherever nothing could be read.
    @Test func `Broken bytes in every key are named and never stop the reader`() {
        var random = SplitMix(state: 21)
        let samples = Live.keys.mapValues(\.value).merging([
            "sync": Array(#"{"leader":"a","quorum":1,"sync_standby":"b"}"#.utf8),
            "failsafe": Array(#"{"n1":"http://h:1/patroni"}"#.utf8),
        ]) { $1 }
        for _ in 0..<2000 {
            var keys: [String: StoredValue] = [:]
            for (path, sample) in samples.sorted(by: { $0.key < $1.key }) {
                var bytes = sample
                for _ in 0..<Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
                    let place = Int.random(in: 0..<bytes.count, using: &random)
                    switch Int.random(in: 0...2, using: &random) {
                    case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                    case 1: bytes.removeSubrange(place...)
                    default: bytes.insert(bytes.randomElement(using: &random) ?? 0, at: place)
                    }
                }
                keys[path] = StoredValue(value: bytes)
            }
            let view = ClusterView.decode(keys, revision: 1)
            let sentences = CorruptValues.sentences(keys)
            if view.config?.value == .object([:]) {
                #expect(sentences.contains { $0.contains("'config'") })
            }
            #expect(sentences.allSatisfy { $0.utf8.allSatisfy { $0 >= 0x20 } && $0.count < 200 })
        }
    }
}

/// SplitMix64: the same inputs in every run.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
