import Configuration
import Glibc
import Kernel
import PostgresModel
import YAML

/// `--validate-config`: everything that can be checked from this host without starting or changing anything.
struct ConfigurationValidation {
    var ignoresListenPorts: Bool
    var prints: Bool

    /// The exit code: 0 when there is no error; warnings do not count.
    func run(_ path: String?) -> Int32 {
        guard var reading = ConfigurationFiles.read(path) else { return 1 }
        if let configuration = reading.configuration {
            reading.add(problems(of: configuration))
        }
        for problem in reading.problems { complain(problem.description) }
        guard reading.errors.isEmpty, reading.configuration != nil else { return 1 }
        if prints, let text = reading.printed { print(text, terminator: "") }
        if !prints { print("\(path ?? "environment"): ok") }
        return 0
    }

    private func problems(of configuration: AgentConfiguration) -> [AgentConfigurationReading.Problem] {
        reachable(configuration) + listening(configuration) + directories(configuration) + files(configuration)
    }

    /// Addresses that would be published but mean something else on every other host.
    private func reachable(_ configuration: AgentConfiguration) -> [AgentConfigurationReading.Problem] {
        let local = ["127.0.0.1", "0.0.0.0", "*", "::1", "::", "localhost"]
        let published = [
            ("restapi.connect_address", configuration.restapi.connectAddress),
            ("postgresql.connect_address", configuration.postgresql.connectAddress),
        ]
        var problems = published.compactMap { key, place in
            local.contains(place.host)
                ? AgentConfigurationReading.Problem(.error, key, "is '\(place)', which no other host can reach",
                    allowed: "an address of this host that the others reach") : nil
        }
        for place in configuration.etcd.endpoints where !isOpen(place.host, place.port) {
            problems.append(.init(.error, "etcd3", "'\(place)' is not reachable from here", allowed: "an etcd that runs"))
        }
        return problems
    }

    private func listening(_ configuration: AgentConfiguration) -> [AgentConfigurationReading.Problem] {
        guard !ignoresListenPorts else { return [] }
        var places = [("restapi.listen", configuration.restapi.listen)]
        // A server of this data directory that runs already is what the agent will take over.
        let directory = configuration.postgresql.dataDirectory
        if access("\(directory)/postmaster.pid", F_OK) != 0 {
            places.append(("postgresql.listen", configuration.postgresql.listen))
        }
        return places.flatMap { key, listen in
            listen.hosts.compactMap { host in
                let place = host == "*" ? "127.0.0.1" : host == "0.0.0.0" ? "127.0.0.1" : host == "::" ? "::1" : host
                return isOpen(place, listen.port)
                    ? .init(.error, key, "port \(listen.port) of '\(host)' is already in use",
                        allowed: "a free port, or -i when it is this member that runs") : nil
            }
        }
    }

    private func directories(_ configuration: AgentConfiguration) -> [AgentConfigurationReading.Problem] {
        var problems: [AgentConfigurationReading.Problem] = []
        let directory = configuration.postgresql.dataDirectory
        let hasVersion = access("\(directory)/PG_VERSION", F_OK) == 0
        if !hasVersion, let names = entries(directory), !names.isEmpty {
            problems.append(.init(.error, "postgresql.data_dir", "'\(directory)' holds files but no PG_VERSION",
                allowed: "a data directory of PostgreSQL, an empty directory, or one that does not exist yet"))
        }
        let options = configuration.postgresql.options
        for program in ["pg_controldata", "pg_basebackup", "postgres"] + (hasVersion ? [] : ["initdb"]) {
            let path = options.program(program)
            if !isRunnable(path) {
                problems.append(.init(.error, "postgresql.bin_dir", "program '\(path)' is not there or not executable",
                    allowed: "the directory of PostgreSQL's programs"))
            }
        }
        return problems
    }

    /// Files that are named must be there.
    private func files(_ configuration: AgentConfiguration) -> [AgentConfigurationReading.Problem] {
        let api = configuration.restapi
        let etcd = configuration.etcd
        let named: [(String, String?)] = [
            ("restapi.certfile", api.certificateFile), ("restapi.keyfile", api.keyFile), ("restapi.cafile", api.caFile),
            ("ctl.cacert", configuration.ctl.caFile), ("ctl.certfile", configuration.ctl.certificateFile),
            ("ctl.keyfile", configuration.ctl.keyFile), ("etcd3.cacert", etcd.caFile),
            ("etcd3.cert", etcd.certificateFile), ("etcd3.key", etcd.keyFile),
            ("postgresql.custom_conf", configuration.postgresql.options.customConf),
        ]
        return named.compactMap { key, path in
            guard let path, access(path, R_OK) != 0 else { return nil }
            return .init(.error, key, "'\(path)' cannot be read: \(String(cString: strerror(errno)))")
        }
    }

    private func entries(_ path: String) -> [String]? {
        guard let directory = opendir(path) else { return nil }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != "..", name != "lost+found" { names.append(name) }
        }
        return names
    }

    private func isRunnable(_ path: String) -> Bool {
        if path.contains("/") { return access(path, X_OK) == 0 }
        let directories = getenv("PATH").map { String(cString: $0) } ?? ""
        return directories.split(separator: ":").contains { access("\($0)/\(path)", X_OK) == 0 }
    }

    /// Something accepts connections there, within a second.
    private func isOpen(_ host: String, _ port: Int) -> Bool {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0, let list else { return false }
        defer { freeaddrinfo(list) }
        let descriptor = socket(list.pointee.ai_family, Int32(SOCK_STREAM.rawValue) | O_NONBLOCK, 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        if connect(descriptor, list.pointee.ai_addr, list.pointee.ai_addrlen) == 0 { return true }
        guard errno == EINPROGRESS else { return false }
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard poll(&waiting, 1, 1000) == 1 else { return false }
        var failure: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &length) == 0 && failure == 0
    }
}
