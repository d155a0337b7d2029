import PostgresModel
import Kernel

/// Where a data directory's parts lie.
struct DirectoryLayout: Equatable, Sendable {
    /// Existing directories that a copy must find absent: the data directory, tablespaces, a pg_wal elsewhere.
    var directories: [String] = []
    /// Where pg_wal leads when it is a symbolic link.
    var walDirectory: String?

    /// An absent or empty data directory needs nothing moved.
    init(_ dataDirectory: String, _ files: Files) throws {
        guard files.exists(dataDirectory), try !files.names(in: dataDirectory).isEmpty else { return }
        guard files.exists("\(dataDirectory)/PG_VERSION") else {
            throw ServerError(
                .wrongState, "\(dataDirectory) is not empty and holds no PostgreSQL data directory: it is left alone")
        }
        walDirectory = linkTarget("\(dataDirectory)/pg_wal")
        let links = "\(dataDirectory)/pg_tblspc"
        let names = files.exists(links) ? try files.names(in: links) : []
        let tablespaces = names.compactMap { linkTarget("\(links)/\($0)") }
        // Tablespaces inside the data directory move with it.
        let outside = (tablespaces + [walDirectory].compactMap { $0 }).filter {
            $0.hasPrefix("/") && !$0.hasPrefix(dataDirectory + "/") && files.exists($0)
        }
        directories = outside + [dataDirectory]
    }
}
