import Glibc

/// A problem with a file the operator named.
struct FileError: Error, CustomStringConvertible {
    var path: String
    var problem: String
    var description: String { "\(path): \(problem)" }
}

enum Files {
    /// - Throws: ``FileError`` that names the path and says why it cannot be read.
    static func read(_ path: String) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path, "cannot be read") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count == 0 { return bytes }
            guard count > 0 else { throw failure(path, "cannot be read") }
            bytes.append(contentsOf: buffer[..<count])
        }
    }

    /// Writes beside the file and renames, so that an interrupted write leaves the old content.
    static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o600) throws {
        let temporary = "\(path).new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw failure(temporary, "cannot be written") }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else {
                close(descriptor)
                throw failure(temporary, "cannot be written")
            }
            rest = rest.dropFirst(count)
        }
        guard fsync(descriptor) == 0, close(descriptor) == 0, rename(temporary, path) == 0 else {
            throw failure(path, "cannot be written")
        }
    }

    /// As `write`, for a file that only this user may read; makes its directory.
    static func writePrivate(_ bytes: [UInt8], to path: String) throws {
        let directory = path.split(separator: "/").dropLast().joined(separator: "/")
        let place = path.hasPrefix("/") ? "/" + directory : directory
        guard place.isEmpty || mkdir(place, 0o700) == 0 || errno == EEXIST else {
            throw failure(place, "cannot be made")
        }
        try write(bytes, to: path, mode: 0o600)
    }

    /// Removes a file, if it is there, and its directory once it is empty.
    static func remove(_ path: String) throws {
        guard unlink(path) == 0 || errno == ENOENT else { throw failure(path, "cannot be removed") }
        let directory = path.split(separator: "/").dropLast().joined(separator: "/")
        if !directory.isEmpty { rmdir(path.hasPrefix("/") ? "/" + directory : directory) }
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// The names in a directory, sorted, without those that begin with a dot.
    static func names(in path: String) throws -> [String] {
        guard let directory = opendir(path) else { throw failure(path, "cannot be read") }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    static func linkTarget(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink(path, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }

    static func absolute(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    private static func failure(_ path: String, _ what: String) -> FileError {
        FileError(path: path, problem: "\(what): \(String(cString: strerror(errno)))")
    }
}
