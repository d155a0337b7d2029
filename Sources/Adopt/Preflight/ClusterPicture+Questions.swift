import Facts
import Inventory
import PostgresModel

/// Questions about the primary's server that several topics ask.
extension ClusterPicture {
    /// The primary and what SQL told of it; nil when either is missing, which other checks report.
    var asked: (host: Host, sql: SQLFacts)? {
        guard let primary, let sql = primarySQL else { return nil }
        return (primary, sql)
    }

    /// Replicas cannot reach the primary's server, and come through the relay of its agent.
    var isRelayed: Bool {
        guard let primary, !replicas.isEmpty, let value = setting("listen_addresses") else { return false }
        return ListenAddresses(value).keepsOut(fromAddress: primary.spec.address)
    }

    var details: ServerDetails? { primaryServer?.details }

    /// A setting of the primary as a number in its own unit.
    func number(_ name: String) -> Int64? { setting(name).flatMap { Int64($0) } }

    /// A setting of the primary that counts bytes in any of PostgreSQL's units; -1 and 0 keep their sign.
    func bytes(_ name: String) -> ByteCount? {
        guard let row = primarySQL?.settings.first(where: { $0.name == name }), let value = Int64(row.value) else {
            return nil
        }
        return ByteCount(value * (SettingValue.bytesPerUnit(row.unit) ?? 1))
    }

    /// A setting of the primary that measures time, in seconds.
    func seconds(_ name: String) -> Double? {
        guard let row = primarySQL?.settings.first(where: { $0.name == name }), let value = Double(row.value) else {
            return nil
        }
        return value * (SettingValue.secondsPerUnit(row.unit) ?? 1)
    }

    /// The WAL rate in bytes a second: the higher one of the statistics' average and the survey's own sample.
    var walRate: Double? {
        let sampled = details?.walSample.map { Double($0.bytes.rawValue) / max(0.001, $0.seconds) }
        return [sampled, primarySQL?.activity?.walBytesPerSecond].compactMap { $0 }.max()
    }

    /// Bytes a second that a copy to this replica can reach at most, and what limits it.
    func copyRate(to host: Host) -> (rate: Double, limit: String)? {
        let slowest = [primary, host].compactMap { host -> Double? in
            host?.facts.network.interfaces.compactMap(\.megabits).max().map { Double($0) * 125_000 }
        }.min()
        let chosen = spec.replicas.maxRate.map { Double($0) }
        if let chosen, chosen <= slowest ?? .infinity { return (chosen, "max_rate") }
        return slowest.map { ($0, "the network interface") }
    }

    /// Seconds that the base backup of this replica takes at best.
    func buildSeconds(to host: Host) -> Double? {
        guard let sql = primarySQL, sql.isSizeKnown, let rate = copyRate(to: host)?.rate, rate > 0 else { return nil }
        return Double(sql.totalSize.rawValue) / rate
    }

    /// Free space where the primary writes its WAL.
    var walSpace: ByteCount? { primary?.facts.target.flatMap { $0.walFreeSpace ?? $0.freeSpace } }
}

/// `90 s`, `12 min`, `3.5 h`, `2.1 d`
func spoken(seconds: Double) -> String {
    func tenths(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
    switch seconds {
    case ..<120: return "\(Int(max(0, seconds).rounded())) s"
    case ..<7200: return "\(Int((seconds / 60).rounded())) min"
    case ..<172_800: return "\(tenths(seconds / 3600)) h"
    default: return "\(tenths(seconds / 86_400)) d"
    }
}

/// `1.5 MiB/s`
func spoken(rate: Double) -> String { "\(ByteCount(Int64(max(0, rate))))/s" }
