import CLibPQ
import Configuration
import Glibc
import Kernel
import PostgresClient

/// `--generate-config` and `--generate-sample-config`.
struct ConfigurationGenerator {
    /// Nil: standard output.
    var output: String?

    func sample() -> Int32 {
        write(GeneratedConfiguration(server: nil, hostName: hostName, address: hostAddress))
    }

    /// Asks the server; reads only.
    func fromServer(_ dsn: String?) async -> Int32 {
        do {
            let report = try await report(dsn)
            let address = report.settings["listen_addresses"].flatMap(own(address:)) ?? hostAddress
            return write(GeneratedConfiguration(server: report, hostName: hostName, address: address))
        } catch {
            complain("no configuration was written: \(error)")
            return 1
        }
    }

    private func report(_ dsn: String?) async throws -> ServerReport {
        var settings = try dsn.map(connectionSettings) ?? [:]
        settings["fallback_application_name"] = "pgadopt-agent"
        if settings["dbname"] == nil, getenv("PGDATABASE") == nil { settings["dbname"] = "postgres" }
        let clock = BootClock()
        let deadline = clock.deadline(after: .seconds(15))
        let connection = try await PostgresConnection.connect(settings, by: deadline, clock: clock)
        // Only a superuser, or pg_read_all_settings, is told where the files lie.
        let rows = try await connection.query("SELECT name, current_setting(name) FROM pg_settings", by: deadline).rows
        let user = try await connection.query("SELECT current_user", by: deadline).scalar
        let version = await connection.serverVersion
        await connection.close()
        var values: [String: String] = [:]
        for row in rows { if row.count == 2, let name = row[0], let value = row[1] { values[name] = value } }
        guard let directory = values["data_directory"], !directory.isEmpty else {
            throw GenerationError(description: """
                role '\(user ?? "")' may not see data_directory; allowed: a superuser or a member of pg_read_all_settings
                """)
        }
        return ServerReport(
            version: version, settings: values, user: user ?? "postgres",
            binDirectory: binDirectory(dataDirectory: directory))
    }

    /// The directory of the running postmaster's program. Nil: another host, or another user's process.
    private func binDirectory(dataDirectory: String) -> String? {
        guard let text = try? readSmallText("\(dataDirectory)/postmaster.pid"),
            let pid = text.split(separator: "\n").first.flatMap({ Int32($0) }),
            let program = linkTarget("/proc/\(pid)/exe"), let slash = program.lastIndex(of: "/") else { return nil }
        return String(program[..<slash])
    }

    /// A connection string in either of libpq's forms, taken apart by libpq.
    private func connectionSettings(_ dsn: String) throws -> [String: String] {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(dsn, &message) else {
            let text = message.map { String(cString: $0) } ?? "it cannot be read"
            PQfreemem(message)
            // libpq repeats the string, which may hold a password.
            let problem = text.contains(dsn) ? "it cannot be read" : String(text.prefix { $0 != "\n" })
            throw GenerationError(description: "the DSN is no connection string of libpq: \(problem)")
        }
        defer { PQconninfoFree(options) }
        var result: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { result[String(cString: keyword)] = String(cString: value) }
            option = option.successor()
        }
        return result
    }

    private func write(_ configuration: GeneratedConfiguration) -> Int32 {
        let text = configuration.yamlText
        guard let output else {
            print(text, terminator: "")
            return 0
        }
        // Never over a file that is there: it may be somebody's configuration.
        let file = open(output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            complain("\(KernelError("create \(output)", errno: errno))")
            return 1
        }
        defer { close(file) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                complain("\(KernelError("write \(output)", errno: errno))")
                return 1
            }
            rest = rest.dropFirst(count)
        }
        print("\(output): written; fill in what is empty, then: pgadopt-agent --validate-config \(output)")
        return 0
    }

    private var hostName: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "member1" }
        return buffer.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    /// The one address the server listens at, when that is one that others reach.
    private func own(address text: String) -> String? {
        let parts = text.split(separator: ",").map { $0.filter { $0 != " " } }
        guard parts.count == 1, let only = parts.first, !["*", "0.0.0.0", "::", "localhost", "127.0.0.1", "::1"].contains(only)
        else { return nil }
        return only
    }

    /// What the host's name means to the resolver, unless that is the loopback.
    private var hostAddress: String? {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(hostName, nil, &hints, &list) == 0, let list else { return nil }
        defer { freeaddrinfo(list) }
        var buffer = [CChar](repeating: 0, count: 64)
        guard getnameinfo(list.pointee.ai_addr, list.pointee.ai_addrlen, &buffer, 64, nil, 0, NI_NUMERICHOST) == 0
        else { return nil }
        let text = buffer.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        return text.hasPrefix("127.") || text == "::1" ? nil : text
    }
}

/// Why no configuration could be made.
struct GenerationError: Error, CustomStringConvertible {
    var description: String
}
