import Foundation
import Testing

/// The inventory's class is `normal`: a ttl of 12 s. A new leader must write within it and some seconds of detection,
/// promotion and reconnecting.
private let failoverBound = Duration.seconds(30)

extension LabSuite {
    @Suite(.serialized)
    struct Failover {
        let hosts = Hosts()

        @Test func `a power failure of the leader costs seconds, and it comes back as a replica`() async throws {
            try await hosts.adopted()
            let old = try await hosts.presentLeader()
            let load = try await Load(hosts)
            try await hosts.lab("poweroff", old)
            try await hosts.awaitLeader(otherThan: old, within: failoverBound)
            try await load.awaitProgress()
            try await hosts.lab("boot", old)
            try await eventually("\(old) streams from the new leader", within: .seconds(90)) { await hosts.isWhole() }
            expectSound(try await load.end(tail: asynchronousTail))
        }

        @Test func `a leader that is cut off stops writing before another one begins`() async throws {
            try await hosts.adopted()
            let old = try await hosts.presentLeader()
            let load = try await Load(hosts)
            try await hosts.lab("cut", old)
            try await hosts.awaitLeader(otherThan: old, within: failoverBound)
            try await load.awaitProgress()
            // Seen from inside the cut-off host, where the prober cannot look.
            let writable = try await hosts.shell(old, """
                runuser -u postgres -- psql -XAtc 'create temporary table t(); select 1' 2>&1 | tail -n 1 || true
                """)
            #expect(writable != "1", "\(old) still accepts writes while another host leads")
            try await hosts.lab("heal", old)
            try await eventually("\(old) streams from the new leader", within: .seconds(90)) { await hosts.isWhole() }
            expectSound(try await load.end(tail: asynchronousTail))
        }

        @Test func `a stopped agent does not leave a second primary behind`() async throws {
            try await hosts.adopted()
            let old = try await hosts.presentLeader()
            let load = try await Load(hosts)
            try await hosts.shell(old, "pkill -STOP -x pgadopt-agent")
            try await hosts.awaitLeader(otherThan: old, within: failoverBound)
            try await load.awaitProgress()
            try await hosts.shell(old, "pkill -CONT -x pgadopt-agent")
            try await eventually("\(old) streams from the new leader", within: .seconds(90)) { await hosts.isWhole() }
            expectSound(try await load.end(tail: asynchronousTail))
        }

        @Test func `a killed agent is restarted, and no client notices`() async throws {
            try await hosts.adopted()
            let leader = try await hosts.presentLeader()
            let postmaster = try await hosts.postmaster(leader)
            let load = try await Load(hosts)
            let agent = try await hosts.shell(leader, "pgrep -x pgadopt-agent")
            try await hosts.shell(leader, "pkill -KILL -x pgadopt-agent")
            try await eventually("systemd starts the agent again", within: .seconds(20)) {
                let now = try await hosts.shell(leader, "pgrep -x pgadopt-agent || true")
                return !now.isEmpty && now != agent
            }
            // A whole ttl later it must still lead: it has taken its own lease over.
            try await Task.sleep(for: .seconds(15))
            let now = await hosts.leader()
            #expect(now == leader)
            let postmasterNow = try await hosts.postmaster(leader)
            #expect(postmasterNow == postmaster)
            let account = try await load.end(tail: 0)
            #expect(account.writerErrors == 0 && account.longestGap < 1, "\(account.report)")
            expectSound(account)
        }

        @Test func `a switchover loses no row`() async throws {
            try await hosts.adopted()
            let old = try await hosts.presentLeader()
            let target = try #require(Hosts.all.first { $0 != old })
            let load = try await Load(hosts)
            let switched = try await hosts.pgadopt("switchover", hosts.inventory, "--to", target, "--yes")
            #expect(switched.status == 0, "\(switched.output)")
            try await hosts.awaitLeader(otherThan: old, within: .seconds(10))
            try await load.awaitProgress()
            try await eventually("\(old) streams from \(target)", within: .seconds(60)) { await hosts.isWhole() }
            let leader = await hosts.leader()
            #expect(leader == target)
            expectSound(try await load.end(tail: 0))
        }
    }
}
