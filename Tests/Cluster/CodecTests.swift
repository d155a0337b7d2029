import JSON
import PostgresModel
import Testing

@testable import Cluster

/// Live keys of Patroni 4.1.4 (etcd 3.4.23, PostgreSQL 15): decoded, and written again byte for byte.
enum Live {
    static let n1 =
        #"{"conn_url":"postgres://127.0.0.1:5501/postgres","api_url":"http://127.0.0.1:8101/patroni","state":"running","# +
        #""role":"primary","version":"4.1.4","xlog_location":67108960,"timeline":1}"#
    static let n2 =
        #"{"conn_url":"postgres://127.0.0.1:5502/postgres","api_url":"http://127.0.0.1:8102/patroni","state":"running","# +
        #""role":"replica","version":"4.1.4","tags":{"clonefrom":true,"mytag":"v1"},"xlog_location":67108960,"# +
        #""replay_lsn":67108960,"receive_lsn":67108960,"replication_state":"streaming","timeline":1}"#
    static let history =
        #"[[1,67525648,"no recovery target specified","2026-11-22T13:32:47.795241+00:00","n2"],"# +
        #"[2,67526456,"no recovery target specified","2026-11-22T13:33:28.155242+00:00","n3"]]"#

    static var keys: [String: StoredValue] {
        [
            "config": stored(#"{"loop_wait":10,"maximum_lag_on_failover":1048576,"postgresql":{"use_pg_rewind":true}}"#, mod: 22),
            "initialize": stored("7710987030196724923", mod: 6),
            "leader": stored("n1", create: 8, mod: 8, lease: 0x694d_a203_710e_6c05),
            "members/n1": stored(n1, create: 2, mod: 19, lease: 0x694d_a203_710e_6c05),
            "members/n2": stored(n2, create: 10, mod: 21, lease: 0x694d_a203_710e_6c11),
            "status": stored(#"{"optime":67108960,"slots":{"n2":67108960,"n1":67108960},"retain_slots":["n1","n2"]}"#),
            "failover": stored("{}", mod: 134),
            "history": stored(history),
        ]
    }
}

func stored(_ text: String, create: Int64 = 1, mod: Int64 = 1, lease: Int64 = 0) -> StoredValue {
    StoredValue(value: Array(text.utf8), createRevision: create, modRevision: mod, lease: lease)
}

func decode(_ keys: [String: String]) -> ClusterView { .decode(keys.mapValues { stored($0, mod: 5) }, revision: 9) }

@Suite struct ReadingTests {
    @Test func `Patroni's live keys are read in full`() throws {
        let view = ClusterView.decode(Live.keys, revision: 200)
        #expect(view.revision == 200)
        #expect(view.initialize == "7710987030196724923")
        #expect(view.leader == LeaderKey(name: "n1", lease: 0x694d_a203_710e_6c05, createRevision: 8, modRevision: 8))
        #expect(view.members.map(\.name) == ["n1", "n2"])
        let n2 = try #require(view.member("n2"))
        #expect(n2.state == .running && n2.role == .replica && n2.replicationState == "streaming")
        #expect(n2.receiveLSN == LSN("0/4000060") && n2.timeline == Timeline(1) && n2.lease == 0x694d_a203_710e_6c11)
        #expect(n2.tags["clonefrom"]?.bool == true)
        #expect(n2.address?.host == "127.0.0.1" && n2.address?.port == 5502)
        #expect(view.config?.modRevision == 22)
        #expect(view.status.optime == LSN("0/4000060") && view.status.slots.count == 2)
        #expect(view.status.retainSlots == ["n1", "n2"])
        #expect(view.failover?.isEmpty == true)
        #expect(view.history.count == 2 && view.timeline == Timeline(3))
    }

    @Test func `Legacy forms are read: URL members, leader:candidate, bare status, optime, master`() throws {
        let view = decode([
            "members/old": "postgres://u:p@10.0.0.9:5433/postgres?application_name=http%3A%2F%2F10.0.0.9%3A8008%2Fpatroni",
            "members/m": #"{"role":"master","state":"running"}"#,
            "failover": " a : b ", "status": "4711",
        ])
        let old = try #require(view.member("old"))
        #expect(old.apiURL == "http://10.0.0.9:8008/patroni")
        #expect(old.address?.host == "10.0.0.9" && old.address?.port == 5433)
        #expect(view.member("m")?.role == .primary)
        #expect(view.failover?.leader == "a" && view.failover?.candidate == "b")
        #expect(view.status.optime == LSN(rawValue: 4711))
        #expect(decode(["optime/leader": "4712"]).status.optime == LSN(rawValue: 4712))
        #expect(decode(["failover": "justleader"]).failover?.candidate == nil)
    }

    @Test func `slots and retain_slots may be JSON in a string`() {
        let view = decode(["status": #"{"optime":"12","slots":"{\"a\":5}","retain_slots":"[\"a\"]"}"#])
        #expect(view.status == StatusKey(optime: LSN(rawValue: 12), slots: ["a": LSN(rawValue: 5)], retainSlots: ["a"]))
    }

    @Test func `A broken value is empty, and a broken config is no config`() {
        let view = decode([
            "members/x": "{broken", "config": "nonsense", "sync": "1", "history": "{}", "status": "{", "failsafe": "[]",
            "members/a/b": "{}", "members/": "{}", "unknown": "x",
        ])
        #expect(view.members == [Member(name: "x")])
        #expect(view.config == ConfigKey(modRevision: 0, value: .object([:])))
        #expect(view.sync == SyncKey(modRevision: 5, leader: nil))
        #expect(view.history.isEmpty && view.status == StatusKey() && view.failsafe == nil)
    }

    @Test func `sync is read with its quorum and its standbys`() {
        let view = decode(["sync": #"{"leader":"a","quorum":1,"sync_standby":"b, c"}"#])
        #expect(view.sync == SyncKey(modRevision: 5, leader: "a", quorum: 1, standbys: ["b", "c"]))
    }

    @Test(arguments: [
        ("postgres://h1/postgres", "h1", 5432), ("postgres://[2001:db8::1]:5433/x", "2001:db8::1", 5433),
        ("postgres://u@h1:1/x?y=z", "h1", 1),
    ])
    func `An address is read from conn_url`(url: String, host: String, port: Int) {
        let address = Member(name: "a", connURL: url).address
        #expect(address?.host == host && address?.port == port)
    }

    @Test(arguments: ["", "postgres://", "postgres://:5432/", "postgres://h:0/", "postgres://h:99999/", "nonsense"])
    func `No address is made up`(url: String) { #expect(Member(name: "a", connURL: url).address == nil) }

    @Test func `No bytes stop the reader, and what was read can be written and shown`() {
        var r = SystemRandomNumberGenerator()
        let samples = Live.keys.mapValues(\.value)
        for _ in 0..<3_000 {
            var keys: [String: StoredValue] = [:]
            for (path, sample) in samples {
                var bytes = Bool.random() ? sample : (0..<Int.random(in: 0..<40)).map { _ in UInt8.random(in: 0...255, using: &r) }
                for _ in 0..<Int.random(in: 0..<4) where !bytes.isEmpty {
                    let place = bytes.indices.randomElement() ?? 0
                    if Bool.random() { bytes[place] = UInt8.random(in: 0...255) } else { bytes.removeSubrange(place...) }
                }
                keys[path] = StoredValue(value: bytes, modRevision: .random(in: .min ... .max), lease: .random(in: .min ... .max))
            }
            let view = ClusterView.decode(keys, revision: 1)
            _ = (view.clusterJSON(scope: "x").text, view.table(scope: "x"), HistoryEntry.json(view.history).text)
            _ = (view.status.json.text, view.failover?.json.text, view.sync?.json.text, view.members.map(\.json.text))
        }
    }
}

@Suite struct WritingTests {
    @Test(arguments: [Live.n1, Live.n2, #"{"state":"stopped","role":"primary","proxy_url":"x","tags":{"a":1},"new":[1]}"#])
    func `A member is written as it was read`(text: String) {
        #expect(Member(name: "n", decoding: stored(text)).json.text == text)
    }

    @Test func `Values of the wrong kind are kept as they are`() {
        let text = #"{"conn_url":5,"state":"dancing","xlog_location":-1,"timeline":"x"}"#
        let member = Member(name: "n", decoding: stored(text))
        #expect(member.connURL == nil && member.state == nil && member.xlogLocation == nil)
        #expect(member.json.text == text)
    }

    @Test func `Keys have Patroni's order whatever the order they were set in`() {
        var member = Member(name: "n", pause: true)
        member.timeline = Timeline(2)
        member.checkpointAfterPromote = false
        member.other["scheduled_restart"] = ["schedule": "x"]
        member.version = "4.1.4"
        #expect(
            member.json.text
                == #"{"version":"4.1.4","checkpoint_after_promote":false,"timeline":2,"scheduled_restart":{"schedule":"x"},"pause":true}"#)
    }

    @Test func `status, failover, sync and history are written as Patroni writes them`() {
        let status = StatusKey(optime: LSN(rawValue: 5), slots: ["b": LSN(rawValue: 1), "a": LSN(rawValue: 2)], retainSlots: ["b", "a"])
        #expect(status.json.text == #"{"optime":5,"slots":{"a":2,"b":1},"retain_slots":["a","b"]}"#)
        #expect(FailoverKey(modRevision: 1).json.text == "{}")
        #expect(FailoverKey(modRevision: 1, leader: "a", candidate: "b", scheduledAt: "t").json.text
            == #"{"leader":"a","member":"b","scheduled_at":"t"}"#)
        #expect(SyncKey(modRevision: 1, leader: "a").json.text == #"{"leader":"a","quorum":0,"sync_standby":null}"#)
        #expect(SyncKey(modRevision: 1, leader: "a", quorum: 1, standbys: ["b", "c"]).json.text
            == #"{"leader":"a","quorum":1,"sync_standby":"b,c"}"#)
        #expect(HistoryEntry.json(HistoryEntry.decode(stored(Live.history))).text == Live.history)
    }
}

@Suite struct ShowingTests {
    var view: ClusterView {
        var view = ClusterView.decode(Live.keys, revision: 1)
        view.members[1].receiveLSN = LSN("0/3FFFF60")
        view.members.append(Member(name: "n10", connURL: "postgres://[::1]:5503/x", state: .stopped, pendingRestart: true))
        return view
    }

    @Test func `The cluster view has Patroni's fields and its words for roles and lags`() {
        #expect(view.clusterJSON(scope: "demo").text == [
            #"{"members":[{"name":"n1","role":"leader","state":"running","api_url":"http://127.0.0.1:8101/patroni","#,
            #""host":"127.0.0.1","port":5501,"timeline":1},"#,
            #"{"name":"n10","role":"replica","state":"stopped","api_url":null,"host":"::1","port":5503,"#,
            #""pending_restart":true,"receive_lag":"unknown","receive_lsn":"unknown","replay_lag":"unknown","#,
            #""replay_lsn":"unknown","lag":"unknown","lsn":"unknown"},"#,
            #"{"name":"n2","role":"replica","state":"streaming","api_url":"http://127.0.0.1:8102/patroni","#,
            #""host":"127.0.0.1","port":5502,"timeline":1,"tags":{"clonefrom":true,"mytag":"v1"},"#,
            #""receive_lag":256,"receive_lsn":"0/3FFFF60","replay_lag":0,"replay_lsn":"0/4000060","#,
            #""lag":0,"lsn":"0/4000060"}],"scope":"demo"}"#,
        ].joined())
    }

    @Test func `Synchronous, quorum and standby clusters have their own role words; pause and schedule are shown`() {
        var view = view
        view.sync = SyncKey(modRevision: 1, leader: "n1", standbys: ["N2"])
        let n2 = view.members[1]
        view.config?.value = ["synchronous_mode": true]
        #expect(view.displayRole(of: n2) == "sync_standby")
        view.config?.value = ["synchronous_mode": "quorum", "standby_cluster": ["host": "x"], "pause": true]
        #expect(view.displayRole(of: n2) == "quorum_standby")
        #expect(view.displayRole(of: view.members[0]) == "standby_leader")
        view.failover = FailoverKey(modRevision: 1, leader: "n1", candidate: "n2", scheduledAt: "2026-11-23T01:00:00+00:00")
        let json = view.clusterJSON(scope: "demo")
        #expect(json["pause"]?.bool == true)
        #expect(json["scheduled_switchover"]?.text == #"{"at":"2026-11-23T01:00:00+00:00","from":"n1","to":"n2"}"#)
    }

    @Test func `The table is aligned and says what is unknown`() {
        #expect(view.table(scope: "demo") == """
            Cluster demo (7710987030196724923), leader n1

            Member  Host            Role     State      TL  Lag      Pending restart
            n1      127.0.0.1:5501  Leader   running     1
            n10     [::1]:5503      Replica  stopped        unknown  yes
            n2      127.0.0.1:5502  Replica  streaming   1  0 B

            """)
        var empty = ClusterView()
        empty.failover = FailoverKey(modRevision: 1, leader: "a", scheduledAt: "t")
        empty.config = ConfigKey(modRevision: 1, value: ["pause": true])
        #expect(empty.table(scope: "demo") == """
            Cluster demo (uninitialized), no leader

            Member  Host  Role  State  TL  Lag

            Paused: nothing is promoted, demoted, started or stopped automatically.
            Switchover scheduled at t from a.

            """)
    }
}

