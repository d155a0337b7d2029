import ArgumentParser
import Inventory
import YAML

extension CheckpointMode: ExpressibleByArgument {}

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
        return spec
    }
}
