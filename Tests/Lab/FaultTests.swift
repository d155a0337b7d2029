import Foundation
import Testing

/// A ttl of 12 s, some seconds of detection and promotion, and a machine that is busy with all three hosts.
private let failoverBound = Duration.seconds(30)
private let returnBound = Duration.seconds(120)

extension LabSuite {
    /// Faults of the resident phase beyond those of `Failover`: processes, disks, the store, bad moments. They take
    /// about 20 minutes.
    @Suite(
        .serialized,
        .enabled(if: ProcessInfo.processInfo.environment["PGADOPT_LAB_FAULTS"] == "1", "run ./test --faults"))
    struct Faults {
        let hosts = Hosts()

        private func whole(_ what: String = "all follow the leader") async throws {
            try await eventually(what, within: returnBound) { await hosts.isWhole() }
        }

        // MARK: The server and its host

        @Test func `a killed postmaster is back within seconds and no row is lost`() async throws {
            try await hosts.adopted()
            let leader = try await hosts.presentLeader()
            let load = try await Load(hosts)
            try await hosts.shell(leader, "kill -KILL $(head -n 1 /var/lib/postgresql/15/main/postmaster.pid)")
            try await load.awaitProgress()
            try await whole()
            let account = try await load.end(tail: 0)
            #expect(account.longestGap < 8, "\(account.report)")
            expectSound(account)
        }

        @Test func `a frozen server, whose port still accepts, is replaced and cannot write when it thaws`() async throws {
            try await hosts.adopted()
            let old = try await hosts.presentLeader()
            let load = try await Load(hosts)
            let frozen = try await hosts.shell(old, """
                p=$(head -n 1 /var/lib/postgresql/15/main/postmaster.pid)
                all="$p $(pgrep -P $p | tr '\\n' ' ')"; kill -STOP $all; echo $all
                """)
            try await hosts.awaitLeader(otherThan: old, within: .seconds(60))
            try await load.awaitProgress()
            try await hosts.shell(old, "for p in \(frozen); do kill -CONT $p 2>/dev/null || true; done")
            try await whole()
            expectSound(try await load.end(tail: asynchronousTail))
        }

        @Test func `an agent that deadlocks is fenced by its guard and replaced by systemd`() async throws {
            try await hosts.adopted()
            let old = try await hosts.presentLeader()
            // systemd's default, and the variable that makes SIGUSR2 a deadlock. A restart disturbs no client.
            try await hosts.shell(old, """
                mkdir -p /run/systemd/system/pgadopt-agent@main.service.d
                printf '[Service]\\nEnvironment=PGADOPT_DEBUG_SIGNALS=1\\n' > /run/systemd/system/pgadopt-agent@main.service.d/debug.conf
                systemctl daemon-reload && systemctl restart pgadopt-agent@main
                """)
            try await whole()
            let load = try await Load(hosts)
            let agent = try await hosts.shell(old, "pgrep -x pgadopt-agent")
            try await hosts.shell(old, "kill -USR2 \(agent)")
            try await hosts.awaitLeader(otherThan: old, within: .seconds(45))
            try await load.awaitProgress()
            let isWritable = await hosts.isWritable(old)
            #expect(!isWritable, "\(old) still accepts writes while another host leads")
            try await eventually("systemd replaces the agent of \(old)", within: .seconds(100)) {
                let now = try await hosts.shell(old, "pgrep -x pgadopt-agent || true")
                return !now.isEmpty && now != agent
            }
            try await whole()
            try await hosts.shell(old, "rm -r /run/systemd/system/pgadopt-agent@main.service.d && systemctl daemon-reload")
            expectSound(try await load.end(tail: asynchronousTail))
        }

        @Test func `a whole host frozen for longer than the ttl is fenced when it wakes`() async throws {
            try await hosts.adopted()
            let old = try await hosts.presentLeader()
            let load = try await Load(hosts)
            try await hosts.lab("freeze", old)
            try await hosts.awaitLeader(otherThan: old, within: failoverBound)
            try await load.awaitProgress()
            try await Task.sleep(for: .seconds(5))
            try await hosts.lab("thaw", old)
            try await whole()
            expectSound(try await load.end(tail: asynchronousTail))
        }

        @Test func `a full disk under the leader's log ends in a leader that can write`() async throws {
            try await hosts.adopted()
            let old = try await hosts.presentLeader()
            let load = try await Load(hosts)
            // The leader's pg_wal on a small disk of its own, from a switchover away and back.
            let other = try #require(Hosts.all.first { $0 != old })
            try await hosts.handLead(to: other)
            try await hosts.shell(old, """
                set -e
                systemctl stop pgadopt-agent@main
                runuser -u postgres -- /usr/lib/postgresql/15/bin/pg_ctl -D /var/lib/postgresql/15/main stop -m fast -w >/dev/null || true
                w=/var/lib/postgresql/15/main/pg_wal
                mount -t tmpfs -o size=$(( $(du -sm $w | cut -f1) + 128 ))m,mode=0700 tmpfs /mnt
                cp -a $w/. /mnt/ && chown postgres:postgres /mnt
                mount --move /mnt $w 2>/dev/null || { mount --bind /mnt $w && umount -l /mnt; }
                systemctl start pgadopt-agent@main
                """)
            try await whole()
            try await hosts.handLead(to: old)
            // `|| true`: writing until the disk is full is an error to dd.
            try await hosts.shell(old, "dd if=/dev/zero of=/var/lib/postgresql/15/main/pg_wal/filler bs=1M 2>/dev/null || true")
            // Segments that were kept for reuse are used up first.
            try await hosts.shell(old, """
                for i in $(seq 40); do
                  timeout 2 runuser -u postgres -- psql -X -c 'select pg_switch_wal()' bench >/dev/null 2>&1 || break
                done
                """)
            try await hosts.awaitLeader(otherThan: old, within: .seconds(90))
            try await load.awaitProgress()
            try await hosts.shell(old, "rm -f /var/lib/postgresql/15/main/pg_wal/filler")
            try await whole()
            expectSound(try await load.end(tail: asynchronousTail))
            try await hosts.fresh()
        }

        @Test func `an agent whose state directory is read-only still gives way to a fault`() async throws {
            try await hosts.adopted()
            let old = try await hosts.presentLeader()
            let load = try await Load(hosts)
            try await hosts.shell(old, """
                mount --bind /var/lib/pgadopt /var/lib/pgadopt && mount -o remount,ro,bind /var/lib/pgadopt
                """)
            try await hosts.staysLeader(old, for: .seconds(15))
            try await hosts.lab("cut", old)
            try await hosts.awaitLeader(otherThan: old, within: failoverBound)
            try await load.awaitProgress()
            let writable = await hosts.isWritable(old)
            #expect(!writable, "\(old) still accepts writes while another host leads")
            try await hosts.lab("heal", old)
            try await hosts.shell(old, "umount -l /var/lib/pgadopt")
            try await whole()
            expectSound(try await load.end(tail: asynchronousTail))
        }

        @Test func `five leaders killed one after another end in a whole cluster`() async throws {
            try await hosts.adopted()
            let load = try await Load(hosts)
            for round in 1...5 {
                let leader = try await hosts.presentLeader()
                if round % 2 == 0 {
                    try await hosts.lab("poweroff", leader)
                    try await hosts.awaitLeader(otherThan: leader, within: failoverBound)
                    try await hosts.lab("boot", leader)
                } else {
                    try await hosts.shell(leader, "kill -KILL $(head -n 1 /var/lib/postgresql/15/main/postmaster.pid)")
                }
                try await load.awaitProgress()
                try await whole("all follow after kill \(round)")
            }
            expectSound(try await load.end(tail: asynchronousTail))
        }

        @Test func `each host rebooted in turn moves the lead at most once a reboot`() async throws {
            try await hosts.adopted()
            let load = try await Load(hosts)
            let before = try await hosts.timeline()
            for host in Hosts.all {
                try await hosts.shell(host, "systemctl poweroff || true")
                // Its shell is gone earlier, and a host that is still going down is not booted.
                try await eventually("\(host) is off", within: .seconds(60)) {
                    try await hosts.lab("status").split(separator: "\n").contains {
                        $0.contains(" \(host) ") && !$0.contains(" on,")
                    }
                }
                try await hosts.lab("boot", host)
                try await whole("all follow after the reboot of \(host)")
            }
            let after = try await hosts.timeline()
            #expect(after - before <= 3)
            // An orderly reboot hands the lead over: nothing may be lost.
            expectSound(try await load.end(tail: 0))
        }

        // MARK: The store

        @Test func `a leader cut off from the store alone leads on, because its peers agree`() async throws {
            try await hosts.adopted()
            let leader = try await hosts.presentLeader()
            let load = try await Load(hosts)
            try await hosts.shell(leader, "systemctl stop etcd")
            try await hosts.filter(leader, out: "tcp dport 2379")
            try await hosts.staysLeader(leader, for: .seconds(40))
            try await load.awaitProgress()
            try await hosts.unfilter(leader)
            try await hosts.shell(leader, "systemctl start etcd --no-block")
            try await hosts.staysLeader(leader, for: .seconds(20))
            try await whole()
            let account = try await load.end(tail: 0)
            #expect(account.longestGap < 2, "\(account.report)")
            expectSound(account)
        }

        @Test func `all stores down for a minute interrupt nobody, and nothing flaps when they return`() async throws {
            try await hosts.adopted()
            let leader = try await hosts.presentLeader()
            let timeline = try await hosts.timeline()
            let load = try await Load(hosts)
            for host in Hosts.all { try await hosts.shell(host, "systemctl stop etcd") }
            try await Task.sleep(for: .seconds(60))
            try await load.awaitProgress(within: .seconds(5))
            for host in Hosts.all { try await hosts.shell(host, "systemctl start etcd --no-block") }
            try await eventually("the store answers", within: .seconds(60)) { await hosts.leader() != nil }
            try await hosts.staysLeader(leader, for: .seconds(20))
            try await whole()
            let now = try await hosts.timeline()
            #expect(now == timeline)
            let account = try await load.end(tail: 0)
            #expect(account.longestGap < 2, "\(account.report)")
            expectSound(account)
        }

        @Test func `without a store's quorum nobody is promoted when the leader dies`() async throws {
            try await hosts.adopted()
            let old = try await hosts.presentLeader()
            let others = Hosts.all.filter { $0 != old }
            let load = try await Load(hosts)
            for host in others { try await hosts.shell(host, "systemctl stop etcd") }
            try await Task.sleep(for: .seconds(20))
            try await hosts.lab("poweroff", old)
            try await Task.sleep(for: .seconds(30))
            for host in others {
                let writable = await hosts.isWritable(host)
                #expect(!writable, "\(host) promoted itself without the store")
            }
            for host in others { try await hosts.shell(host, "systemctl start etcd --no-block") }
            try await hosts.awaitLeader(otherThan: old, within: .seconds(60))
            try await load.awaitProgress()
            try await hosts.lab("boot", old)
            try await whole()
            expectSound(try await load.end(tail: asynchronousTail))
        }

        @Test func `a store that changes its leader every five seconds costs no failover`() async throws {
            try await hosts.adopted()
            let leader = try await hosts.presentLeader()
            let term = try await hosts.storeTerm()
            let load = try await Load(hosts)
            try await hosts.shell(leader, """
                export ETCDCTL_API=3
                e=$(etcdctl member list | sed 's/.*, \\(http[^,]*:2379\\).*/\\1/' | paste -sd,)
                for i in 1 2 3 4 5 6; do
                  id=$(etcdctl member list | cut -d, -f1 | sed -n "$((i % 3 + 1))p")
                  etcdctl --endpoints="$e" move-leader "$id" >/dev/null 2>&1 || true
                  sleep 5
                done
                """)
            try await hosts.staysLeader(leader, for: .seconds(5))
            let termNow = try await hosts.storeTerm()
            #expect(termNow - term >= 4, "the store's leader did not move")
            let account = try await load.end(tail: 0)
            #expect(account.writerErrors == 0 && account.longestGap < 2, "\(account.report)")
            expectSound(account)
        }

        @Test func `a store whose disk takes two seconds a write costs at most one failover`() async throws {
            try await hosts.adopted()
            let before = try await hosts.timeline()
            let load = try await Load(hosts)
            for host in Hosts.all {
                try await hosts.shell(host, """
                    systemd-run -q --collect -u slow-etcd -- strace -qq -f -o /dev/null -p $(pidof etcd) \
                      -e trace=fdatasync,fsync -e inject=fdatasync,fsync:delay_enter=2000000
                    """)
            }
            try await Task.sleep(for: .seconds(90))
            for host in Hosts.all { try await hosts.shell(host, "systemctl stop slow-etcd") }
            try await whole()
            let after = try await hosts.timeline()
            #expect(after - before <= 1)
            expectSound(try await load.end(tail: asynchronousTail))
        }

        // MARK: The network

        @Test func `a leader that can send but not receive is replaced and fenced`() async throws {
            try await hosts.adopted()
            let old = try await hosts.presentLeader()
            let load = try await Load(hosts)
            try await hosts.filter(old, in: "iif != lo")
            try await hosts.awaitLeader(otherThan: old, within: failoverBound)
            try await load.awaitProgress()
            let writable = await hosts.isWritable(old)
            #expect(!writable, "\(old) still accepts writes while another host leads")
            try await hosts.unfilter(old)
            try await whole()
            expectSound(try await load.end(tail: asynchronousTail))
        }

        @Test func `a leader's death while a replica has lost the store promotes the other one`() async throws {
            try await hosts.adopted()
            let old = try await hosts.presentLeader()
            let others = Hosts.all.filter { $0 != old }
            let load = try await Load(hosts)
            // Its own etcd stays, so that the store keeps a quorum; its agent cannot reach any.
            try await hosts.filter(others[0], out: "tcp dport 2379")
            try await Task.sleep(for: .seconds(3))
            try await hosts.lab("poweroff", old)
            try await hosts.awaitLeader(otherThan: old, within: failoverBound)
            let now = try await hosts.presentLeader()
            #expect(now == others[1])
            try await load.awaitProgress()
            try await hosts.unfilter(others[0])
            try await hosts.lab("boot", old)
            try await whole()
            expectSound(try await load.end(tail: asynchronousTail))
        }

        // MARK: Bad moments

        @Test func `a switchover with a long transaction and an archiver that fails is quick and loses nothing`() async throws {
            try await hosts.adopted()
            let old = try await hosts.presentLeader()
            let target = try #require(Hosts.all.first { $0 != old })
            let load = try await Load(hosts)
            try await hosts.shell(old, """
                systemd-run -q --collect -u long-one --uid=postgres -- \
                  psql -X -c 'begin; create table long_one(); select pg_sleep(600)'
                """)
            try await hosts.sql(old, """
                alter system set archive_command = 'false';
                select pg_reload_conf();
                """)
            let switched = try await hosts.pgadopt("switchover", hosts.inventory, "--to", target, "--yes")
            #expect(switched.status == 0, "\(switched.output)")
            try await load.awaitProgress()
            try await whole()
            try await hosts.sql(target, "alter system reset archive_command; select pg_reload_conf()")
            let account = try await load.end(tail: 0)
            #expect(account.longestGap < 15, "\(account.report)")
            expectSound(account)
        }

        @Test func `a switchover whose target dies in the middle ends with a leader`() async throws {
            try await hosts.adopted()
            let old = try await hosts.presentLeader()
            let target = try #require(Hosts.all.first { $0 != old })
            let load = try await Load(hosts)
            let (line, environment) = hosts.command(["switchover", hosts.inventory, "--to", target, "--yes"])
            let switching = try Program(line, environment: environment, directory: hosts.directory)
            try await eventually("the old leader stops", within: .seconds(20)) { await !hosts.isWritable(old) }
            try await hosts.lab("poweroff", target)
            _ = try? await switching.end(within: .seconds(90))
            try await eventually("somebody leads", within: .seconds(60)) {
                let now = await hosts.leader()
                return now != nil && now != target
            }
            try await load.awaitProgress()
            try await hosts.lab("boot", target)
            try await whole()
            expectSound(try await load.end(tail: asynchronousTail))
        }

        @Test func `a replica whose replay is paused is not the one that is promoted`() async throws {
            try await hosts.adopted()
            let old = try await hosts.presentLeader()
            let others = Hosts.all.filter { $0 != old }
            let load = try await Load(hosts)
            try await hosts.sql(others[0], "select pg_wal_replay_pause()")
            try await Task.sleep(for: .seconds(3))
            try await hosts.lab("poweroff", old)
            try await hosts.awaitLeader(otherThan: old, within: failoverBound)
            let now = try await hosts.presentLeader()
            #expect(now == others[1])
            try await load.awaitProgress()
            try await hosts.sql(others[0], "select pg_wal_replay_resume()")
            try await hosts.lab("boot", old)
            try await whole()
            expectSound(try await load.end(tail: asynchronousTail))
        }
    }
}
