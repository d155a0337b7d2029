import Etcd
import Execution
import Glibc
import SSH
import Survey

extension ExecutionEnvironment {
    /// The engine's world on this machine. The journal lies beside the plan file.
    static func control(shells: [String: SSHHost], client: EtcdClient, planFile: String) -> ExecutionEnvironment {
        let clock = ContinuousClock()
        let began = clock.now
        var environment = ExecutionEnvironment(
            shells: shells, store: EtcdAdoptionStore(client: client), journal: LocalJournalFile.beside(planFile: planFile),
            operatorName: "\(userName())@\(hostName())", processID: getpid(),
            isRunning: { kill($0, 0) == 0 || errno == EPERM }, now: { began.duration(to: clock.now) },
            timestamp: { Survey.WallClock.system.timestamp }, sleep: { try await clock.sleep(for: $0) },
            randomBytes: { count in (0..<count).map { _ in UInt8.random(in: .min ... .max) } },
            readFile: { try Files.read($0) }, readEnvironment: { Files.environment($0) })
        environment.localFiles = LocalFiles(
            write: { try Files.writePrivate($1, to: $0) }, remove: { try Files.remove($0) })
        if let stops = Files.environment("PGADOPT_TEST_STOP") { environment.passing = killer(at: stops) }
        return environment
    }

    /// For tests: this program ends as by `kill -9` at the first of these moments, such as
    /// `before:h2/slot,after:h1/roles`, that it comes to, and says which on standard error.
    private static func killer(at stops: String) -> @Sendable (StepMoment) -> Void {
        let names = Set(stops.split(separator: ",").map(String.init))
        return { moment in
            guard names.contains(moment.text) else { return }
            Terminal.note("killed at \(moment.text)\n")
            kill(getpid(), SIGKILL)
        }
    }

    private static func userName() -> String { getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) } ?? "?" }

    private static func hostName() -> String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
