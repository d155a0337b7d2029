import Foundation
import Testing

/// The built program as people and init systems run it.
@Suite(.timeLimit(.minutes(2))) struct ProgramTests {
    struct Outcome {
        var code: Int32
        var output: String
        var errors: String
    }

    /// Runs a shell script in a directory of its own; `$AGENT` is the program, and no PATRONI_* is inherited.
    private func sh(_ script: String, _ environment: [String: String] = [:]) throws -> Outcome {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("pgadopt-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", script]
        process.currentDirectoryURL = directory
        process.environment = ["PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin", "AGENT": try agent()]
            .merging(environment) { $1 }
        let out = Pipe()
        let log = directory.appendingPathComponent("errors")
        try #require(FileManager.default.createFile(atPath: log.path, contents: nil))
        process.standardOutput = out
        let errors = try FileHandle(forWritingTo: log)
        defer { try? errors.close() }
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let output = String(decoding: out.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return Outcome(
            code: process.terminationStatus, output: output, errors: try String(contentsOf: log, encoding: .utf8))
    }

    /// Beside the tests' own program.
    private func agent() throws -> String {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        var directories = [URL(fileURLWithPath: own).deletingLastPathComponent()]
        directories += CommandLine.arguments.map { URL(fileURLWithPath: $0).deletingLastPathComponent() }
        directories.append(URL(fileURLWithPath: FileManager.default.currentDirectoryPath + "/.build/debug"))
        let found = directories.map { $0.appendingPathComponent("pgadopt-agent").path }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
        return try #require(found)
    }

    @Test func helpAndVersionSucceedAndNonsenseIsWrongUsage() throws {
        #expect(try sh("$AGENT --help").output.hasPrefix("usage: pgadopt-agent"))
        #expect(try sh("$AGENT --version").output.hasPrefix("pgadopt-agent "))
        let nonsense = try sh("$AGENT --validate-confg")
        #expect(nonsense.code == 2 && nonsense.errors.contains("did you mean '--validate-config'?"))
        let nothing = try sh("$AGENT")
        #expect(nothing.code == 1 && nothing.errors.contains("no configuration"))
        #expect(try sh("$AGENT /does/not/exist").code == 1)
    }

    static let file = """
        scope: s
        name: n
        restapi: {listen: 127.0.0.1:0001, connect_address: 127.0.0.1:1}
        etcd3: {host: 127.0.0.1:1}
        postgresql: {listen: 127.0.0.1:2, connect_address: 10.255.255.1, data_dir: /proc/self/fdinfo, bin_dir: /nowhere}
        """

    @Test func validationLooksAtTheHostAndNamesPlaces() throws {
        let outcome = try sh("cat > a.yml <<'E'\n\(Self.file)\nE\n$AGENT --validate-config a.yml")
        #expect(outcome.code == 1)
        for line in [
            "a.yml:3:52: 'restapi.connect_address' is '127.0.0.1:1', which no other host can reach",
            "'etcd3' '127.0.0.1:1' is not reachable from here",
            "'postgresql.data_dir' '/proc/self/fdinfo' holds files but no PG_VERSION",
            "'postgresql.bin_dir' program '/nowhere/postgres' is not there or not executable",
        ] { #expect(outcome.errors.contains(line), "\(outcome.errors)") }
    }

    @Test func aDirectoryAndTheEnvironmentAreReadAndSecretsAreNotPrinted() throws {
        let outcome = try sh("""
            mkdir d; printf 'scope: s\\nname: n\\n' > d/1.yml; printf 'name: [\\n' > d/2.yaml; printf x > d/3.txt
            $AGENT --validate-config d
            """, ["PATRONI_SUPERUSER_PASSWORD": "sesame", "PATRONI_RESTAPI_LISTN": "x"])
        #expect(outcome.code == 1 && outcome.errors.contains("d/2.yaml:") && !outcome.errors.contains("d/3.txt"))
        #expect(outcome.errors.contains("did you mean 'PATRONI_RESTAPI_LISTEN'?") && !outcome.errors.contains("sesame"))
    }

    @Test func aSampleIsWrittenOnceAndNeverOverAFile() throws {
        let outcome = try sh("$AGENT --generate-sample-config s.yml && $AGENT --generate-sample-config s.yml; echo $?; stat -c %a s.yml")
        #expect(outcome.output.contains("s.yml: written"))
        #expect(outcome.output.hasSuffix("1\n600\n") && outcome.errors.contains("File exists"))
        #expect(try sh("$AGENT --generate-sample-config").output.contains("scope: null"))
    }

    @Test func aServerThatIsNotThereIsOneClearError() throws {
        let outcome = try sh("$AGENT --generate-config --dsn 'host=127.0.0.1 port=1 password=sesame'")
        #expect(outcome.code == 1 && outcome.errors.contains("no configuration was written"))
        #expect(!outcome.errors.contains("sesame"))
    }

    /// In a process namespace of its own, as in a container: the agent ends up as a child of process 1, an orphan is
    /// reaped, TERM reaches the agent, and the container ends.
    @Test(.enabled(if: geteuid() == 0, "a process namespace needs root"))
    func asProcessOneItReapsOrphansAndPassesSignalsOn() throws {
        let outcome = try sh("""
            cat > c.yml <<E
            scope: s
            name: n
            restapi: {listen: 127.0.0.1:$PORT, connect_address: 127.0.0.1:$PORT}
            etcd3: {host: 127.0.0.1:1}
            postgresql: {listen: 127.0.0.1:2, connect_address: 127.0.0.1:2, data_dir: $PWD/data, bin_dir: /usr/bin}
            pgadopt: {runtime_dir: $PWD/run, state_dir: $PWD/state, guard: /bin/true}
            E
            mkdir run state data
            unshare --pid --fork --mount-proc $AGENT c.yml >agent.log 2>&1 &
            outer=$!
            i=0; while [ $i -lt 100 ]; do
              init=$(pgrep -P $outer | head -1); child=$([ -n "$init" ] && pgrep -P $init | head -1)
              [ -n "$child" ] && break; sleep 0.1; i=$((i+1)); done
            sleep 1
            # An orphan of the namespace: its parent ends at once, process 1 has to reap it.
            nsenter -t $init -p -m sh -c '(sleep 0.2 &) ; exit 0'; sleep 1
            echo "zombies: $(ps -o stat= --ppid $init | grep -c Z)"
            echo "children: $(pgrep -P $init | wc -l)"
            kill -TERM $init
            i=0; while kill -0 $outer 2>/dev/null && [ $i -lt 200 ]; do sleep 0.1; i=$((i+1)); done
            kill -0 $outer 2>/dev/null && { echo "still there"; kill -KILL $init; }
            wait $outer; echo "code: $?"; ls run
            """, ["PORT": String(Int.random(in: 20000...30000))])
        #expect(outcome.output.contains("zombies: 0\nchildren: 1\n"), "\(outcome)")
        #expect(!outcome.output.contains("still there") && outcome.output.contains("host-stops"), "\(outcome)")
    }
}
