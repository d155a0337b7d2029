import PostgresModel

extension ServerFacts {
    /// Where the configuration lies when that is not the data directory (Debian); a new replica gets a copy of it.
    public var configDirectory: String? {
        guard let configFile else { return nil }
        let directory = configFile.directoryPart
        return directory == dataDirectory ? nil : directory
    }

    /// Certificates, keys and the like of a server with `ssl = on` that neither a base backup nor the copy of the
    /// configuration's directory brings. A server without them does not start.
    public var outsideTLSFiles: [String] {
        guard let sql, sql.setting("ssl") == "on" else { return [] }
        let keytab = sql.setting("krb_server_keyfile")
        return (details?.namedFiles ?? []).filter { $0.exists && $0.path != keytab && isOutside($0.path) }.map(\.path)
    }

    /// Absolute, and below neither its data directory nor its configuration's.
    public func isOutside(_ path: String) -> Bool {
        path.hasPrefix("/") && ![dataDirectory, configDirectory].contains { $0.map { path.hasPrefix("\($0)/") } ?? false }
    }
}

extension String {
    /// Everything before the last slash; `/` for a file in the root.
    public var directoryPart: String {
        guard let slash = lastIndex(of: "/") else { return "." }
        return slash == startIndex ? "/" : String(self[..<slash])
    }
}

extension HostFacts {
    /// It was looked for there and not found.
    public func lacks(_ path: String) -> Bool { namedFiles.contains { $0.path == path && !$0.exists } }
}
