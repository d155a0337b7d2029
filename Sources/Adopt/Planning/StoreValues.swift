import Configuration
import Facts
import Inventory
import JSON
import PostgresModel

extension PlanContext {
    /// The first values of `initialize` and `config`, in Patroni's format.
    func storeEntries() -> [StoreChange.Entry] {
        [
            .init(key: "initialize", value: control.systemIdentifier.description),
            .init(key: "config", value: dynamicConfiguration().json.text),
        ]
    }

    /// The running server's values are the cluster's values, so that nothing falls at the next restart. The times
    /// are written out: Patroni members, who do not know our classes, must keep the same ones.
    private func dynamicConfiguration() -> DynamicConfiguration {
        var config = DynamicConfiguration()
        let times = RecoveryTimeClass(rawValue: spec.rto.rawValue)?.times ?? RecoveryTimeClass.normal.times
        config.ttl = times.ttl
        config.loopWait = times.loopWait
        config.retryTimeout = times.retryTimeout
        config.primaryStartTimeout = times.primaryStartTimeout
        config.ignoreSlots = sql.slots.filter { !isOurs($0) }.map { slot in
            .init(
                name: slot.name, type: slot.isLogical ? "logical" : "physical", database: slot.database,
                plugin: slot.plugin)
        }
        config.postgresql.usePgRewind = true
        config.postgresql.parameters = clusterParameters()
        return config
    }

    private func clusterParameters() -> [String: String] {
        var parameters: [String: String] = ["hot_standby": "on"]
        for name in clusterWideSettings { parameters[name] = sql.setting(name) }
        parameters["wal_log_hints"] = control.dataChecksums ? sql.setting("wal_log_hints") ?? "off" : "on"
        // Patroni members take 128MB for anything below 16MB; a value that is higher must not fall.
        if let keep = walToKeep() {
            parameters[keep.name] = keep.new
        } else if let keep = sql.setting("wal_keep_size").flatMap({ Int64($0) }), keep >= 16 {
            parameters["wal_keep_size"] = "\(keep)MB"
        }
        return parameters
    }
}
