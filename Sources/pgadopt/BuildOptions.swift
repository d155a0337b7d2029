import ArgumentParser
import Inventory
import YAML

extension CheckpointMode: ExpressibleByArgument {}
extension CloneSource: ExpressibleByArgument {}
extension CopyCompression: ExpressibleByArgument {}

/// How replicas are built, where this plan is to differ from the inventory.
struct BuildOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Upper bound of each base backup's rate per second, such as 100MB; instead of the inventory's max_rate.",
            valueName: "bytes"),
        transform: Self.rate)
    var maxRate: Int64?
    @Option(help: "How a base backup begins: fast, at once with a burst of writes, or spread, paced over minutes.")
    var checkpoint: CheckpointMode?
    @Option(help: "Compress base backups on their way (PostgreSQL 15 and later).")
    var compress: CopyCompression?
    @Option(help: "What the second and later replicas are copied from: the primary, or the first replica.")
    var cloneFrom: CloneSource?
    @Option(
        help: ArgumentHelp(
            "Slow a base backup down while statements on the primary take more than this percentage of before; off.",
            valueName: "percent"),
        transform: Self.latency)
    var maxLatency: Latency?

    /// Nil inside: whatever the latency, the copy does not slow down.
    struct Latency: Sendable { var percent: Int? }

    @Sendable static func latency(_ text: String) throws -> Latency {
        if text == "off" { return Latency(percent: nil) }
        guard let percent = Int(text), InventorySchema.maxLatencies.contains(percent) else {
            let range = InventorySchema.maxLatencies
            throw ValidationError(
                "'\(text)' is no percentage; allowed are \(range.lowerBound) to \(range.upperBound), and off")
        }
        return Latency(percent: percent)
    }

    @Sendable static func rate(_ text: String) throws -> Int64 {
        // pg_basebackup takes 32 kB to 1 GB a second.
        guard let rate = parseByteCount(text), (32 << 10 ... 1 << 30).contains(rate) else {
            throw ValidationError("'\(text)' is no rate; allowed are 32kB to 1GB, such as 100MB")
        }
        return rate
    }

    func applied(to spec: ClusterSpec) -> ClusterSpec {
        var spec = spec
        if let maxRate { spec.replicas.maxRate = maxRate }
        if let checkpoint { spec.replicas.checkpoint = checkpoint }
        if let cloneFrom { spec.replicas.cloneFrom = cloneFrom }
        if let compress { spec.replicas.compress = compress }
        if let maxLatency { spec.replicas.maxLatency = maxLatency.percent }
        return spec
    }
}
