import Facts
import JSON
import PostgresModel

extension PlanContext {
    /// The first values of `initialize` and `config`, in Patroni's format.
    func storeEntries() -> [StoreChange.Entry] {
        [
            .init(key: "initialize", value: control.systemIdentifier.description),
            .init(key: "config", value: JSON.object(dynamicConfiguration()).text),
        ]
    }

    /// The running server's values are the cluster's values, so that nothing falls at the next restart.
    private func dynamicConfiguration() -> JSONObject {
        let timers = spec.rto.timers
        var config = JSONObject()
        config["ttl"] = seconds(timers.ttl)
        config["loop_wait"] = seconds(timers.loopWait)
        config["retry_timeout"] = seconds(timers.retryTimeout)
        config["maximum_lag_on_failover"] = 1_048_576
        config["failsafe_mode"] = true
        config["postgresql"] = .object([
            "use_pg_rewind": .bool(true),
            "use_slots": .bool(true),
            "parameters": .object(parameters()),
        ])
        let foreign = sql.slots.filter { !isOurs($0) }
        if !foreign.isEmpty { config["ignore_slots"] = .array(foreign.map(ignored)) }
        return config
    }

    private func parameters() -> JSONObject {
        var parameters = JSONObject()
        for name in clusterWideSettings {
            guard let value = sql.setting(name) else { continue }
            parameters[name] = Int64(value).map(JSON.int) ?? .string(value)
        }
        parameters["hot_standby"] = "on"
        parameters["wal_log_hints"] = .string(control.dataChecksums ? sql.setting("wal_log_hints") ?? "off" : "on")
        // Patroni members take 128MB for anything below 16MB; a value that is higher must not fall.
        if let keep = sql.setting("wal_keep_size").flatMap({ Int64($0) }), keep >= 16 {
            parameters["wal_keep_size"] = .string("\(keep)MB")
        }
        return parameters
    }

    private func ignored(_ slot: SlotFacts) -> JSON {
        var entry: JSONObject = ["name": .string(slot.name), "type": slot.isLogical ? "logical" : "physical"]
        if let database = slot.database { entry["database"] = .string(database) }
        if let plugin = slot.plugin { entry["plugin"] = .string(plugin) }
        return .object(entry)
    }

    private func seconds(_ duration: Duration) -> JSON { .int(duration.components.seconds) }
}
