import ArgumentParser
import Inventory

/// The inventory and the choice of a cluster in it; shared by all commands that read one.
struct InventoryArgument: ParsableArguments {
    @Argument(help: "The inventory file (see: pgadopt init).")
    var inventory: String

    @Option(name: .shortAndLong, help: "The cluster's name, when the inventory holds more than one.")
    var cluster: String?

    /// Reads the file and picks the cluster. Warnings go to standard error.
    func load() throws -> ClusterSpec {
        let reading = Inventory.read(
            try Files.read(inventory), path: inventory, home: Files.environment("HOME"))
        for problem in reading.problems { Terminal.complain(problem.description) }
        guard let found = reading.inventory else {
            let count = reading.problems.count { $0.severity == .error }
            throw ValidationError("the inventory has \(count) error\(count == 1 ? "" : "s"); nothing was done")
        }
        let names = found.clusters.map(\.name)
        if let cluster {
            guard let spec = found.clusters.first(where: { $0.name == cluster }) else {
                throw ValidationError("\(inventory) has no cluster '\(cluster)'; it has: \(names.joined(separator: ", "))")
            }
            return spec
        }
        guard found.clusters.count == 1 else {
            throw ValidationError(
                "\(inventory) has \(names.count) clusters (\(names.joined(separator: ", "))): choose one with --cluster NAME")
        }
        return found.clusters[0]
    }
}
