import Configuration
import JSON
import PostgresModel
import Testing

@Suite struct DynamicConfigurationTests {
    private func read(_ json: JSON?) -> DynamicConfiguration { DynamicConfiguration.read(json).configuration }
    private func warnings(_ json: JSON?) -> [String] { DynamicConfiguration.read(json).warnings }

    @Test func withoutAKeyPatronisDefaultsHoldAndFailsafeModeIsOn() {
        let settings = read(nil)
        #expect(settings == DynamicConfiguration())
        #expect(settings.ttl == .seconds(30) && settings.loopWait == .seconds(10) && settings.retryTimeout == .seconds(10))
        #expect(settings.maximumLagOnFailover == ByteCount(1_048_576))
        #expect(settings.maximumLagOnSyncnode == nil && settings.maxTimelinesHistory == 0)
        #expect(settings.primaryStartTimeout == .seconds(300) && settings.primaryStopTimeout == .zero)
        #expect(settings.synchronousMode == .off && settings.synchronousNodeCount == 1)
        #expect(settings.failsafeMode && settings.checkTimeline && !settings.pause)
        #expect(settings.memberSlotsTTL == .seconds(1800) && settings.postgresql.useSlots)
        #expect(warnings(nil) == [] && warnings([:]) == [])
    }

    @Test func patronisOwnValueIsRead() {
        let settings = read([
            "ttl": 40, "loop_wait": "5", "retry_timeout": "10s", "maximum_lag_on_failover": "16MB",
            "maximum_lag_on_syncnode": -1, "master_start_timeout": 60, "synchronous_mode": "quorum",
            "synchronous_node_count": 2, "failsafe_mode": false, "pause": true, "check_timeline": "on",
            "member_slots_ttl": "30min", "slots": ["a": ["type": "physical"]], "ignore_slots": [["name": "b"], [:]],
            "postgresql": ["use_slots": false, "use_pg_rewind": "yes", "pg_hba": ["x"],
                "parameters": ["a": 1, "b": true, "c": 1.5, "d": "x y", "e": nil]],
            "mystery": [1, 2],
        ])
        #expect(settings.ttl == .seconds(40) && settings.loopWait == .seconds(5))
        #expect(settings.maximumLagOnFailover == ByteCount(16 << 20) && settings.maximumLagOnSyncnode == nil)
        #expect(settings.primaryStartTimeout == .seconds(60) && settings.synchronousMode == .quorum)
        #expect(!settings.failsafeMode && settings.pause && settings.checkTimeline)
        #expect(settings.ignoreSlots == [.init(name: "b")])
        #expect(settings.postgresql.parameters == ["a": "1", "b": "on", "c": "1.5", "d": "x y"])
        #expect(settings.postgresql.usePgRewind == true && !settings.postgresql.useSlots)
        #expect(settings.postgresql.other == ["pg_hba": ["x"]])
        #expect(settings.other == ["mystery": [1, 2]])
    }

    @Test func theClassSetsFourTimesAndExplicitSettingsWin() {
        let settings = read(["rto": "fast", "loop_wait": 1])
        #expect(settings.ttl == .seconds(6) && settings.loopWait == .seconds(1) && settings.retryTimeout == .seconds(2))
        #expect(settings.primaryStartTimeout == .seconds(15))
    }

    @Test(arguments: RecoveryTimeClass.allCases)
    func everyClassKeepsPatronisRule(_ rto: RecoveryTimeClass) {
        #expect(rto.times.loopWait + rto.times.retryTimeout * 2 <= rto.times.ttl)
        #expect(warnings(["rto": .string(rto.rawValue)]) == [])
    }

    static let mistyped: [(String, JSON)] = [
        ("ttl", "soon"), ("ttl", [1]), ("ttl", true), ("ttl", -5), ("loop_wait", [:]), ("rto", "quick"),
        ("maximum_lag_on_failover", "much"), ("maximum_lag_on_failover", -1), ("synchronous_mode", "maybe"),
        ("synchronous_node_count", 0), ("synchronous_node_count", "two"), ("failsafe_mode", 7), ("pause", "perhaps"),
        ("slots", "x"), ("ignore_slots", ["a": 1]), ("ignore_slots", [1]), ("postgresql", [1]), ("standby_cluster", 4),
        ("max_timelines_history", -1), ("primary_start_timeout", "1e99"), ("member_slots_ttl", []),
    ]

    @Test(arguments: mistyped)
    func aMistypedSettingFallsBackToItsDefaultWithAWarning(_ key: String, _ value: JSON) {
        var object = JSONObject()
        object[key] = value
        #expect(read(.object(object)) == DynamicConfiguration())
        #expect(warnings(.object(object)).count == 1)
        #expect(warnings(.object(object)).first?.contains(key) == true)
    }

    @Test(arguments: [5, "text", [1], nil, true] as [JSON])
    func aValueThatIsNoObjectMeansDefaults(_ json: JSON) {
        #expect(read(json) == DynamicConfiguration())
        #expect(warnings(json).count == 1)
    }

    @Test func nullIsTheSameAsAbsent() {
        #expect(warnings(["ttl": nil, "pause": nil, "postgresql": nil]) == [])
    }

    @Test func tooSmallTimesAreRaised() {
        let settings = read(["ttl": 1, "loop_wait": 0, "retry_timeout": "1ms"])
        #expect(settings.ttl == .seconds(3) && settings.loopWait == .seconds(1) && settings.retryTimeout == .seconds(1))
        #expect(warnings(["ttl": 1, "loop_wait": 0, "retry_timeout": "1ms"]).count == 3)
    }

    @Test(arguments: [
        (30, 20, 10, 10, 10), (30, 10, 15, 1, 14), (20, 10, 10, 1, 9), (30, 100, 100, 1, 14), (30, 5, 12, 5, 12),
    ])
    func loopWaitAndThenRetryTimeoutGiveWay(_ ttl: Int, _ loop: Int, _ retry: Int, _ newLoop: Int, _ newRetry: Int) {
        let json: JSON = ["ttl": .int(Int64(ttl)), "loop_wait": .int(Int64(loop)), "retry_timeout": .int(Int64(retry))]
        let settings = read(json)
        #expect(settings.loopWait == .seconds(newLoop) && settings.retryTimeout == .seconds(newRetry))
        #expect(warnings(json).count == (loop == newLoop && retry == newRetry ? 0 : 1))
        #expect(settings.loopWait + settings.retryTimeout * 2 <= settings.ttl)
    }

    @Test func whatIsWrittenIsReadBackTheSame() {
        var settings = DynamicConfiguration(rto: .normal)
        #expect(settings.json == [
            "rto": "normal", "maximum_lag_on_failover": 1_048_576, "failsafe_mode": true, "check_timeline": true,
        ])
        #expect(read(settings.json) == settings)
        settings.ttl = .seconds(40)
        settings.primaryStopTimeout = .milliseconds(1500)
        settings.maximumLagOnSyncnode = ByteCount(5)
        settings.maxTimelinesHistory = 3
        settings.synchronousMode = .on
        settings.synchronousModeStrict = true
        settings.synchronousNodeCount = 2
        settings.failsafeMode = false
        settings.checkTimeline = false
        settings.pause = true
        settings.slots = [.init(name: "a"), .init(name: "b", kind: .logical(database: "d", plugin: "p"), clusterType: .primary)]
        settings.ignoreSlots = [.init(name: "x", type: "logical", database: "d", plugin: "p")]
        settings.memberSlotsTTL = .zero
        settings.standbyCluster = .init(host: "h", port: 5432, restoreCommand: "cp %f %p")
        settings.postgresql.usePgRewind = true
        settings.postgresql.useSlots = false
        settings.postgresql.parameters = ["b": "2", "a": "it's"]
        settings.postgresql.other = ["pg_hba": ["x"]]
        settings.postgresql.options.pgHBA = ["x"]
        settings.other = ["unknown": 1]
        let (again, warnings) = DynamicConfiguration.read(settings.json)
        #expect(again == settings)
        #expect(warnings == [])
    }

    @Test func withoutAClassTheTimesAreWrittenAsPatroniDoes() {
        #expect(DynamicConfiguration().json.text
            == #"{"ttl":30,"loop_wait":10,"retry_timeout":10,"maximum_lag_on_failover":1048576,"failsafe_mode":true,"#
            + #""check_timeline":true}"#)
    }
}
