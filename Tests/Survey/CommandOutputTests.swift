import Facts
import PostgresModel
import Testing

@testable import Survey

struct CommandOutputTests {
    @Test func `versions of servers are read as server_version_num`() {
        #expect(CommandOutput.version("postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)")?.rawValue == 150_020)
        #expect(CommandOutput.version("postgres (PostgreSQL) 9.6.24")?.rawValue == 90_624)
        #expect(CommandOutput.version("postgres (PostgreSQL) 18beta2")?.rawValue == 180_000)
        #expect(CommandOutput.version("nothing") == nil)
    }

    @Test func `free space is found beside odd names`() {
        let text =
            "Filesystem 1024-blocks Used Available Capacity Mounted on\n//srv/my share 100 40 60 40% /mnt/a b\n"
        #expect(CommandOutput.availableSpace(text)?.space == ByteCount(60 * 1024))
        #expect(CommandOutput.availableSpace(text)?.filesystem == "/mnt/a b")
        #expect(CommandOutput.availableSpace("") == nil)
    }

    @Test func `a process with brackets in its name still has a start time`() {
        let fields = (3...52).map { $0 == 22 ? "777" : "\($0)" }.joined(separator: " ")
        #expect(CommandOutput.startTicks("42 (a) b ((c) \(fields)") == 777)
        #expect(CommandOutput.startTicks("42 (a") == nil)
    }

    @Test func `units, ports and Debian's cluster names are found`() {
        #expect(
            CommandOutput.unit(cgroup: "0::/system.slice/system-postgresql.slice/postgresql@15-main.service\n")
                == "postgresql@15-main.service")
        #expect(CommandOutput.unit(cgroup: "0::/\n") == nil)
        #expect(
            CommandOutput.listeningPorts("0100007F:1538\n00000000000000000000000000000000:1538\n00000000:0016\n") == [
                22, 5432,
            ])
        #expect(
            CommandOutput.debianCluster(configFile: "/etc/postgresql/15/main/postgresql.conf", unit: nil) == "15/main"
        )
        #expect(CommandOutput.debianCluster(configFile: nil, unit: "postgresql@15-my-db.service") == "15/my-db")
        #expect(
            CommandOutput.debianCluster(
                configFile: "/var/lib/pgsql/15/data/postgresql.conf", unit: "postgresql-15.service") == nil)
    }

    @Test func `connection attempts are told apart`() {
        #expect(CommandOutput.reachOutcome(code: 124, said: "", way: "bash") == .timeout)
        #expect(CommandOutput.reachOutcome(code: 1, said: "connect: No route to host", way: "bash") == .unreachable)
        #expect(CommandOutput.reachOutcome(code: 1, said: "x: Name or service not known", way: "bash") == .noSuchName)
        #expect(CommandOutput.reachOutcome(code: 0, said: "", way: "none") == .unknown)
    }

    @Test func `control data without its identity is none`() {
        #expect(CommandOutput.control("pg_control version number: 1300\n") == nil)
    }
}
