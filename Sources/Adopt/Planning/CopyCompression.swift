import Facts
import Inventory
import PostgresModel

/// Whether a copy is compressed on its way. Only the server can do that (PostgreSQL 15 and later): with plain files at
/// the target, pg_basebackup unpacks what the server has packed.
extension PlanContext {
    /// Up to this, the link is what a copy waits for rather than the disks; beyond, packing costs more than it saves.
    private static let slowLink = 1000
    /// Packing takes up to one core of the source for as long as the copy lasts.
    private static let cores = 4

    /// - Returns: nil: not compressed.
    /// - Throws: unsupported, when the inventory asks for what these servers cannot do.
    func compression(from source: HostSpec, to host: HostSpec) throws(PlanningError) -> CopyCompression? {
        switch spec.replicas.compress {
        case .off?: return nil
        case nil: return chosenCompression(from: source, to: host)
        case let method?:
            guard sql.version.major >= 15 else {
                throw PlanningError(
                    .unsupported, host: source.name,
                    "the inventory asks for copies compressed with \(method.rawValue), which PostgreSQL can from 15 on; "
                        + "this is \(sql.version)")
            }
            for end in [source, host] where knows(method, end) == false {
                throw PlanningError(
                    .unsupported, host: end.name,
                    "the inventory asks for copies compressed with \(method.rawValue), and PostgreSQL in "
                        + "\(binDirectory(of: end)) was built without it")
            }
            return method
        }
    }

    /// Only what is known counts: the speed of both ends' interfaces, what both builds can, and cores to spare.
    private func chosenCompression(from source: HostSpec, to host: HostSpec) -> CopyCompression? {
        guard sql.version.major >= 15, let from = megabits(source), let to = megabits(host),
            min(from, to) <= Self.slowLink, let count = facts.host(source.name)?.system.cpuCount, count >= Self.cores
        else { return nil }
        return [CopyCompression.lz4, .zstd].first { knows($0, source) == true && knows($0, host) == true }
    }

    private func megabits(_ host: HostSpec) -> Int? {
        facts.host(host.name)?.network.interfaces.compactMap(\.megabits).max()
    }

    /// Nil: pg_config is not there to be asked.
    private func knows(_ method: CopyCompression, _ host: HostSpec) -> Bool? {
        let directory = binDirectory(of: host)
        let options = facts.host(host.name)?.installations.first { $0.binDirectory == directory }?.configureOptions ?? []
        if options.isEmpty { return nil }
        return switch method {
        case .off: true
        case .gzip: !options.contains("--without-zlib")
        case .lz4: options.contains("--with-lz4")
        case .zstd: options.contains("--with-zstd")
        }
    }
}
