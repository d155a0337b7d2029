import Configuration
import JSON
import Testing

@Suite struct ClusterParameterTests {
    @Test func withoutSettingsPatronisDefaultsHold() {
        let parameters = ClusterParameters(settings: [:], version: 150018)
        #expect(parameters.commandLine.map { "\($0.name)=\($0.value)" } == [
            "wal_level=replica", "hot_standby=on", "max_connections=100", "max_wal_senders=10",
            "max_prepared_transactions=0", "max_locks_per_transaction=64", "track_commit_timestamp=off",
            "max_replication_slots=10", "max_worker_processes=8", "wal_log_hints=on",
        ])
        #expect(parameters.file == ["wal_keep_size": "128MB"] && parameters.warnings == [])
        #expect(ClusterParameters(settings: [:], version: 120000).file == ["wal_keep_segments": "8"])
    }

    @Test func whatIsOutOfRangeFallsBackWithAWarning() {
        let parameters = ClusterParameters(settings: [
            "max_connections": "24", "wal_level": "minimal", "hot_standby": "off", "wal_log_hints": "yes",
            "max_wal_senders": "many", "port": "1", "wal_keep_size": "1MB",
        ], version: 150000)
        #expect(parameters["max_connections"] == "100" && parameters["wal_level"] == "replica")
        #expect(parameters["hot_standby"] == "on" && parameters["wal_log_hints"] == "on")
        #expect(parameters["wal_keep_size"] == "128MB")
        #expect(parameters.warnings.count == 6)
        #expect(parameters.warnings.contains(
            "postgresql.parameters.max_connections is '24', expected a whole number from 25; 100 is used"))
    }

    @Test(arguments: [
        (["wal_keep_segments": "4"], 150000, ["wal_keep_size": "64MB"]), (["wal_keep_size": "1GB"], 150000, ["wal_keep_size": "1024MB"]),
        (["wal_keep_size": "64"], 120000, ["wal_keep_segments": "4"]), (["wal_level": "logical"], 130000, ["wal_keep_size": "128MB"]),
    ])
    func keptWALIsConvertedBetweenVersions(_ settings: [String: String], _ version: Int, _ file: [String: String]) {
        #expect(ClusterParameters(settings: settings, version: version).file == file)
    }

    @Test func theStoreWinsOverTheCopyAndTheCopyOverTheFile() throws {
        let configuration = try #require(AgentConfiguration.read(
            SectionTests.with("bootstrap: {dcs: {ttl: 40}}"), path: "p").configuration)
        let cached = Array(#"{"ttl": 50}"#.utf8)
        #expect(configuration.dynamicConfiguration(stored: ["ttl": 60], cached: cached).raw == ["ttl": 60])
        #expect(configuration.dynamicConfiguration(stored: nil, cached: cached).raw == ["ttl": 50])
        #expect(configuration.dynamicConfiguration(stored: "broken", cached: cached).source == .cache)
        let fallback = configuration.dynamicConfiguration(stored: nil, cached: Array("{".utf8))
        #expect(fallback.raw == ["ttl": 40] && fallback.source == .bootstrap)
        #expect(CachedConfiguration.read(Array(CachedConfiguration.text(["a": [1, "ü"]]).utf8)) == ["a": [1, "ü"]])
    }

    @Test func aPatchMergesAndNullTakesAway() {
        let current: JSONObject = ["ttl": 30, "x": ["a": 1, "b": 2], "unknown": true]
        #expect(DynamicConfiguration.patched(current, with: ["x": ["a": nil, "c": [1]], "pause": true])
            == ["ttl": 30, "x": ["b": 2, "c": [1]], "unknown": true, "pause": true])
        #expect(DynamicConfiguration.patched(current, with: ["ttl": 30, "gone": nil]) == nil)
    }
}
