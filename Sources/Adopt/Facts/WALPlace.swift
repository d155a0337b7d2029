import PostgresModel

/// A place on a host where a plan would put a directory of its own.
public struct PlaceFacts: Codable, Equatable, Sendable {
    public var path: String
    public var content: TargetFacts.Content
    public var freeSpace: ByteCount?
    /// Of the file system it is, or would be, on.
    public var mountPoint: String?

    public init(
        path: String, content: TargetFacts.Content, freeSpace: ByteCount? = nil, mountPoint: String? = nil
    ) {
        self.path = path
        self.content = content
        self.freeSpace = freeSpace
        self.mountPoint = mountPoint
    }
}

/// Where the pg_wal of a copy goes.
public enum WALPlace: Equatable, Sendable {
    /// Into the data directory, as on the primary.
    case inside
    case directory(String)
    /// Into the data directory, since the host has no such place as the primary's.
    case missing(String)

    /// Nil: into the data directory.
    public var directory: String? { if case .directory(let path) = self { path } else { nil } }
}

extension HostFacts {
    /// The inventory's word counts. The primary's layout is followed where the host has that place: an empty directory,
    /// or another disk than the data's and the system's above it. What is not known is not in the way.
    /// - Parameter named: the inventory's directory.
    public func walPlace(named: String?, primary server: ServerFacts?) -> WALPlace {
        if let named { return .directory(named) }
        guard let path = server?.walDirectory else { return .inside }
        guard let place = target?.walPlace, place.path == path, place.content == .absent else { return .directory(path) }
        let isDiskOfItsOwn = place.mountPoint.map { $0 != "/" && $0 != target?.mountPoint } ?? false
        return isDiskOfItsOwn ? .directory(path) : .missing(path)
    }
}

extension ServerFacts {
    /// Where pg_wal lies when it is a link out of the data directory.
    public var walDirectory: String? {
        guard let link = details?.links["pg_wal"], !link.isEmpty else { return nil }
        if link.hasPrefix("/") { return link }
        var parts = dataDirectory.split(separator: "/")
        for part in link.split(separator: "/") where part != "." {
            if part != ".." { parts.append(part) } else if !parts.isEmpty { parts.removeLast() }
        }
        return "/" + parts.joined(separator: "/")
    }
}
