import CKernel
import Glibc

/// A program that is to run on its own: it is not our child, has a session of its own, and outlives us.
public struct DetachedProcess: Sendable {
    /// The program file.
    public var path: String
    /// Arguments after the program's name. Everybody on the host can read them: no secrets.
    public var arguments: [String]
    /// The whole environment; nothing is inherited.
    public var environment: [String: String]
    /// Nil: ours.
    public var workingDirectory: String?
    /// Where stdout and stderr are appended.
    public var logFile: String
    /// The OS user to become; needs root. Nil: ours.
    public var user: OSUser?

    public init(
        path: String, arguments: [String], environment: [String: String], workingDirectory: String? = nil,
        logFile: String, user: OSUser? = nil
    ) {
        self.path = path
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.logFile = logFile
        self.user = user
    }

    /// Starts it. Returns once the program has been executed.
    /// - Throws: the error of fork, of changing user, of opening the log file, or of exec.
    public func start() throws(KernelError) -> ProcessIdentity {
        let argv = CStrings([path] + arguments)
        let envp = CStrings(environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
        defer {
            argv.free()
            envp.free()
        }
        let pid = path.withCString { path in
            logFile.withCString { log in
                withOptionalCString(workingDirectory) { directory in
                    (user?.groups ?? []).withUnsafeBufferPointer { groups in
                        var spawn = ck_spawn(
                            path: path, argv: argv.pointer, envp: envp.pointer, directory: directory, log: log,
                            change_user: user == nil ? 0 : 1, uid: user?.uid ?? 0, gid: user?.gid ?? 0,
                            groups: groups.baseAddress, group_count: groups.count)
                        return ck_spawn_detached(&spawn)
                    }
                }
            }
        }
        guard pid > 0 else { throw KernelError("start \(path)", errno: -pid) }
        // It may have ended already; then the start time is unknown and nothing matches the identity.
        return ProcessIdentity(running: pid) ?? ProcessIdentity(pid: pid, startTicks: 0)
    }
}

/// An OS user with its groups.
public struct OSUser: Hashable, Sendable {
    public var name: String
    public var uid: UInt32
    public var gid: UInt32
    public var groups: [UInt32]
    public var home: String

    /// Looks the name up in the host's user database; nil when unknown.
    public init?(named name: String) {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16384)
        guard getpwnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        var count: Int32 = 256
        var groups = [gid_t](repeating: 0, count: Int(count))
        guard getgrouplist(name, entry.pw_gid, &groups, &count) >= 0 else { return nil }
        self.name = name
        uid = entry.pw_uid
        gid = entry.pw_gid
        self.groups = Array(groups.prefix(Int(count)))
        home = String(cString: entry.pw_dir)
    }
}

/// A NULL-terminated array of C strings.
private struct CStrings {
    let pointer: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        pointer = .allocate(capacity: count + 1)
        for (index, string) in strings.enumerated() { pointer[index] = strdup(string) }
        pointer[count] = nil
    }

    func free() {
        for index in 0..<count { Glibc.free(pointer[index]) }
        pointer.deallocate()
    }
}

private func withOptionalCString<R>(_ string: String?, _ body: (UnsafePointer<CChar>?) -> R) -> R {
    guard let string else { return body(nil) }
    return string.withCString { body($0) }
}
