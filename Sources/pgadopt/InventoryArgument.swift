import ArgumentParser
import Inventory

/// The inventory and the choice of a cluster in it; shared by all commands that read one.
struct InventoryArgument: ParsableArguments {
    @Argument(help: "The inventory file (see: pgadopt init).", completion: .file(extensions: ["yaml", "yml"]))
    var inventory: String

    @Option(name: .shortAndLong, help: "The cluster's name, when the inventory holds more than one.")
    var cluster: String?

    /// Reads the file and picks the cluster. Warnings go to standard error.
    func load() throws -> ClusterSpec { try InventoryFile.cluster(in: inventory, named: cluster) }
}

/// Inventories on the control host's disk.
enum InventoryFile {
    /// The clusters of a file, or of all `*.yaml` and `*.yml` files of a directory. Warnings go to standard error.
    /// - Throws: when a file has errors, all of which are shown first.
    static func clusters(in path: String) throws -> [ClusterSpec] {
        let files = Files.isDirectory(path)
            ? try Files.names(in: path).filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.map { "\(path)/\($0)" }
            : [path]
        guard !files.isEmpty else { throw ValidationError("\(path) holds no inventory: no *.yaml file lies in it") }
        var clusters: [ClusterSpec] = []
        var errors = 0
        for file in files {
            let reading = Inventory.read(try Files.read(file), path: file, home: Files.environment("HOME"))
            for problem in reading.problems { Terminal.complain(problem.description) }
            errors += reading.problems.count { $0.severity == .error }
            clusters += reading.inventory?.clusters ?? []
        }
        guard errors == 0 else {
            throw ValidationError("the inventory has \(errors) error\(errors == 1 ? "" : "s"); nothing was done")
        }
        return clusters
    }

    /// The cluster of that name, or the only one.
    static func cluster(in path: String, named name: String?) throws -> ClusterSpec {
        let clusters = try clusters(in: path)
        let names = clusters.map(\.name).joined(separator: ", ")
        if let name {
            guard let spec = clusters.first(where: { $0.name == name }) else {
                throw ValidationError("\(path) has no cluster '\(name)'; it has: \(names)")
            }
            return spec
        }
        guard clusters.count == 1 else {
            throw ValidationError(
                "\(path) has \(clusters.count) clusters (\(names)): choose one with --cluster NAME, "
                    + "or look at all with check --all or plan --all")
        }
        return clusters[0]
    }
}
