import Facts
import PostgresModel
import Testing

@testable import Survey

/// What programs and /proc print on other systems than this one.
struct ReadingTests {
    private func record(_ kind: String, _ values: [String: String]) -> SurveyRecord {
        SurveyRecord(kind: kind, values: values.mapValues { Array($0.utf8) })
    }

    @Test func `the kernel's words become numbers`() {
        let facts = KernelReading.facts(
            record(
                "kernel",
                [
                    "bits": "64", "thp": "always [madvise] never", "overcommit": "2",
                    "shmmax": "18446744073692774399",
                    "shmall": "18446744073692774399", "sem": "32000\t1024000000\t500\t32000", "dirtybytes": "0",
                    "dirtyratio": "20",
                    "meminfo":
                        "MemTotal:       16384 kB\nHugePages_Total:      10\nHugePages_Free:        4\nHugepagesize:       2048 kB",
                    "cpu": "cpu  100 0 100 700 0 0 0 100 0 0", "machine": "none\n", "removeipc": "b true",
                    "conntrack": "432000",
                    "devshm":
                        "Filesystem 1024-blocks Used Available Capacity Mounted on\ntmpfs 65536 0 65536 0% /dev/shm",
                    "zone": "# version 2025b", "watchdog": "root root 600",
                ]))
        #expect(facts.transparentHugePages == "madvise")
        #expect(facts.sharedMemoryMaximum == ByteCount(.max))
        #expect(facts.semaphoreSets == 32_000)
        #expect(facts.hugePagesFree == 4 && facts.hugePageSize == ByteCount(2 << 20))
        #expect(facts.dirtyLimit == ByteCount(16_384 * 1024 / 100 * 20))
        #expect(facts.stealPercent == 10)
        #expect(facts.virtualisation == nil)
        #expect(facts.removesIPC == true)
        #expect(facts.devShmSize == ByteCount(64 << 20))
        #expect(facts.timeZoneData == "2025b")
        #expect(KernelReading.facts(record("kernel", [:])) == KernelFacts())
    }

    @Test func `an array that lacks a disk is found`() {
        let text = """
            Personalities : [raid1]
            md0 : active raid1 sda1[0]
                  1046528 blocks super 1.2 [2/1] [U_]
            md1 : active raid1 sda2[0] sdb2[1]
                  1046528 blocks super 1.2 [2/2] [UU]
            """
        #expect(KernelReading.degraded(text) == ["md0"])
        #expect(KernelReading.degraded("Personalities :\nunused devices: <none>\n") == [])
    }

    @Test func `echo requests of iputils and busybox are counted`() {
        let iputils =
            "10 packets transmitted, 9 received, 10% packet loss, time 1806ms\nrtt min/avg/max/mdev = 0.1/0.25/0.9/0.03 ms"
        let busybox =
            "10 packets transmitted, 10 packets received, 0% packet loss\nround-trip min/avg/max = 0.1/0.2/0.3 ms"
        #expect(NetworkReading.counts(iputils).map { [$0.sent, $0.received] } == [10, 9])
        #expect(NetworkReading.times(iputils).average == 0.25 && NetworkReading.times(iputils).maximum == 0.9)
        #expect(NetworkReading.counts(busybox).map { [$0.sent, $0.received] } == [10, 10])
        #expect(NetworkReading.times(busybox).maximum == 0.3)
        #expect(NetworkReading.counts("ping: socket: Operation not permitted") == nil)
    }

    @Test func `a black hole is told from an interface that is too small itself`() {
        func carries(_ full: String) -> Bool? {
            let small = "10 packets transmitted, 10 received, 0% packet loss, time 1ms"
            return NetworkReading.facts([record("echo", ["peer": "10.0.0.2", "small": small, "full": full])]).echoes[
                0
            ].carriesFullPackets
        }
        #expect(carries("2 packets transmitted, 0 received, 100% packet loss, time 1ms") == false)
        #expect(carries("2 packets transmitted, 2 received, 0% packet loss, time 1ms") == true)
        #expect(
            carries("ping: local error: message too long, mtu=1400\n2 packets transmitted, 0 received, +2 errors")
                == nil)
        #expect(carries("ping: invalid option -- 'M'") == nil)
    }

    @Test func `addresses, names and routes are read`() {
        let facts = NetworkReading.facts([
            record(
                "addresses",
                [
                    "text":
                        "2: eth0    inet 10.0.0.1/24 brd 10.0.0.255 scope global eth0\n2: eth0    inet6 fd00::1/64 scope global"
                ]),
            record("interface", ["name": "eth0", "mtu": "1500", "speed": "-1"]),
            record("route", ["peer": "10.0.0.2", "text": "10.0.0.2 dev eth0 src 10.0.0.1 uid 0 \\    cache"]),
            record("resolved", ["name": "db2", "text": "10.0.0.2  STREAM db2\n10.0.0.2  DGRAM\n10.0.0.2  RAW"]),
            record("resolved", ["name": "nobody", "text": ""]),
        ])
        #expect(facts.addresses == ["10.0.0.1/24", "fd00::1/64"])
        #expect(facts.interfaces == [.init(name: "eth0", mtu: 1500)])
        #expect(facts.sourceAddresses == ["10.0.0.2": "10.0.0.1"])
        #expect(facts.names == ["db2": ["10.0.0.2"], "nobody": []])
        #expect(NetworkReading.addresses("10.0.0.1 fd00::1") == ["10.0.0.1", "fd00::1"])
    }

    @Test func `a certificate's end is a point in time`() {
        #expect(DetailsReading.secondsSince1970("Jan  1 00:00:00 1970 GMT") == 0)
        #expect(DetailsReading.secondsSince1970("Feb 29 12:00:00 2028 GMT") == 1_835_438_400)
        #expect(DetailsReading.secondsSince1970("soon") == nil)
        let facts = DetailsReading.certificate(
            "notAfter=Feb 29 12:00:00 2028 GMT\nX509v3 Subject Alternative Name: \n    DNS:db1.example, IP Address:10.0.0.1\n",
            path: "/c.pem", clock: 1_835_438_300)
        #expect(facts == CertificateFacts(path: "/c.pem", remainingSeconds: 100, names: ["db1.example", "10.0.0.1"]))
    }

    @Test func `marks of configuration managers are found, mentions of them are not`() {
        #expect(ServiceReading.manager(of: "# Ansible managed: do not edit\nport = 1\n") == "ansible")
        #expect(ServiceReading.manager(of: "port = 1\n# BEGIN ANSIBLE MANAGED BLOCK\n") == "ansible")
        #expect(ServiceReading.manager(of: "# This file is managed by Puppet. DO NOT EDIT.\n") == "puppet")
        #expect(ServiceReading.manager(of: "# Generated by Chef for db1\n") == "chef")
        #expect(ServiceReading.manager(of: "# we once used ansible here\nport = 1\n") == nil)
    }

    @Test func `jobs, timers, units and scripts of other layouts are read`() {
        func hex(_ text: String) -> String { text.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
        let facts = ServiceReading.facts([
            record(
                "jobs",
                [
                    "lines":
                        "F \(hex("/etc/cron.d/odd\nname"))\nT \(hex("1 2 * * * psql 'password=x y'\n3 4 * * * vacuumdb"))\n"
                ]),
            record("timers", ["text": "pgbackrest-full.timer enabled enabled\nlogrotate.timer enabled enabled"]),
            record("pgunits", ["text": "postgresql-15.service enabled disabled\npostgresql.target static -"]),
            record("initscript", ["path": "/etc/init.d/postgresql-9.6"]),
            record("software", ["kind": "pooler", "name": "pgbouncer", "running": "yes"]),
            record("software", ["kind": "pooler", "name": "pgbouncer", "running": "yes"]),
            record(
                "backupconf",
                ["tool": "pgbackrest", "path": "/etc/pgbackrest.conf", "settings": "pg1-path repo1-host "]),
        ])
        #expect(
            facts.jobs.map(\.source) == ["/etc/cron.d/odd\nname", "/etc/cron.d/odd\nname", "pgbackrest-full.timer"])
        #expect(facts.jobs[0].text == "1 2 * * * psql 'password=*** y'")
        #expect(facts.postgresUnits == [.init(name: "postgresql-15.service", state: "enabled")])
        #expect(facts.initScripts == ["/etc/init.d/postgresql-9.6"])
        #expect(facts.software == [SoftwareFacts(name: "pgbouncer", kind: .pooler, isRunning: true)])
        #expect(facts.backupConfigurations.map(\.settings) == [["pg1-path", "repo1-host"]])
    }

    @Test func `an installation's options, libraries and versions are read`() {
        var facts = InstallationFacts(binDirectory: "/usr/pgsql-15/bin", version: ServerVersion(150_004))
        InstallationReading.add(
            record(
                "installation",
                [
                    "options": " '--prefix=/usr/pgsql-15' '--with-icu' 'CFLAGS=-O2 -g'", "icu": "libicui18n.so.67\n",
                    "broken": "plpython3: libpython3.9.so.1.0 => not found\n",
                    "defaults": "hstore.control:default_version = '1.8'\n",
                ]), to: &facts)
        #expect(facts.configureOptions == ["--prefix=/usr/pgsql-15", "--with-icu"])
        #expect(facts.icuVersion == "67")
        #expect(facts.brokenLibraries == ["plpython3: libpython3.9.so.1.0 => not found"])
        #expect(facts.extensionVersions == ["hstore": "1.8"])
    }

    @Test func `disks and inodes are counted`() {
        #expect(CommandOutput.writeMilliseconds("  5000 0 80000 900 20000 0 300000 60000 0 0 0") == 3)
        #expect(CommandOutput.writeMilliseconds("1 0 8 9 5 0 300 600 0 0 0") == nil)
        #expect(
            CommandOutput.availableInodes("Filesystem Inodes IUsed IFree IUse% Mounted on\n/dev/sda1 100 60 40 60% /")
                == 40)
        #expect(
            CommandOutput.availableInodes("Filesystem Inodes IUsed IFree IUse% Mounted on\n/dev/sdb 0 0 0 - /mnt")
                == 0)
    }
}
