import Configuration
import Glibc
import Kernel

/// What an agent is configured by: a file, a directory of them, and the environment of its start, which stays known
/// when its variables are gone.
struct ConfigurationFiles: Sendable {
    /// Nil: the environment alone.
    let path: String?
    private let environment: [String: String]

    init(_ path: String?) {
        self.path = path
        environment = Self.variables()
    }

    struct Unreadable: Error, CustomStringConvertible {
        var description: String
    }

    /// - Throws: the files cannot be read, or there is nothing to read.
    func read() throws -> AgentConfigurationReading {
        guard let path else {
            guard environment.keys.contains(where: { $0.hasPrefix("PATRONI_") }) else {
                throw Unreadable(description: """
                    no configuration: neither a file nor PATRONI_* environment variables

                    \(AgentCommand.usage)
                    """)
            }
            return AgentConfiguration.read([], environment: environment)
        }
        let files = try Self.names(path)
        guard !files.isEmpty else { throw Unreadable(description: "\(path): holds no *.yml or *.yaml file") }
        let sources = try files.map { try ConfigurationSource(name: $0, bytes: readSmallFile($0, limit: 4 << 20)) }
        return AgentConfiguration.read(sources, environment: environment)
    }

    /// Nil, with the reason on standard error.
    static func read(_ path: String?) -> AgentConfigurationReading? {
        do {
            return try ConfigurationFiles(path).read()
        } catch {
            complain("\(error)")
            return nil
        }
    }

    /// The file itself; of a directory its YAML files in the order of their names.
    private static func names(_ path: String) throws -> [String] {
        guard let directory = opendir(path) else {
            guard errno == ENOTDIR else { throw KernelError("open \(path)", errno: errno) }
            return [path]
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".yml") || name.hasSuffix(".yaml") { names.append("\(path)/\(name)") }
        }
        return names.sorted()
    }

    private static func variables() -> [String: String] {
        var result: [String: String] = [:]
        var next = environ
        while let line = next.pointee {
            let sides = String(cString: line).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if sides.count == 2 { result[String(sides[0])] = String(sides[1]) }
            next = next.successor()
        }
        return result
    }
}
