import Foundation
import Testing

extension LabSuite {
    /// What people and packages do to a host the day after, with the commands that they always used.
    @Suite(.serialized)
    struct DayAfter {
        let hosts = Hosts()

        /// Whatever the command does: the lead stays, no row is lost, and all follow again. `postmasterStays`: the
        /// command must not even restart the server.
        private func expectNoFailover(
            after command: String, postmasterStays: Bool, sourceLocation: SourceLocation = #_sourceLocation
        ) async throws -> String {
            try await hosts.adopted()
            let leader = try await hosts.presentLeader()
            let (postmaster, timeline) = (try await hosts.postmaster(leader), try await hosts.timeline())
            let load = try await Load(hosts)
            let said = try await hosts.shell(leader, "{ \(command); } 2>&1 || true")
            try await Task.sleep(for: .seconds(8))
            try await load.awaitProgress()
            try await eventually("all follow \(leader)", within: .seconds(60)) { await hosts.isWhole() }
            let now = (leader: await hosts.leader(), timeline: try await hosts.timeline())
            #expect(now.leader == leader && now.timeline == timeline, "\(said)", sourceLocation: sourceLocation)
            if postmasterStays {
                let after = try await hosts.postmaster(leader)
                #expect(after == postmaster, "\(said)", sourceLocation: sourceLocation)
            }
            // The server is the agent's child in the end, whoever started it last.
            let unit = try await hosts.shell(leader, """
                cat /proc/$(head -n 1 /var/lib/postgresql/15/main/postmaster.pid)/cgroup
                """)
            #expect(!unit.contains("postgresql@15"), "\(unit)\n\(said)", sourceLocation: sourceLocation)
            expectSound(try await load.end(tail: 0), sourceLocation: sourceLocation)
            return said
        }

        @Test func `systemctl restart postgresql does not restart the adopted server`() async throws {
            _ = try await expectNoFailover(after: "systemctl restart postgresql", postmasterStays: true)
        }

        @Test func `systemctl restart of the server's own unit does not restart it, and says who runs it`() async throws {
            let said = try await expectNoFailover(
                after: "systemctl restart postgresql@15-main; systemctl status postgresql@15-main --no-pager -l",
                postmasterStays: true)
            #expect(said.contains("pgadopt"), "\(said)")
        }

        @Test func `pg_ctlcluster restart leaves the lead where it is`() async throws {
            _ = try await expectNoFailover(after: "pg_ctlcluster 15 main restart -m fast", postmasterStays: false)
        }

        @Test func `installing the server's package again does not restart it`() async throws {
            try await hosts.adopted()
            let leader = try await hosts.presentLeader()
            let root = hosts.directory.appendingPathComponent("\(leader)/root/root").path
            let fetched = try await Program.run([
                "sh", "-c", """
                    cd "$0" && apt-get download -qq "postgresql-15=$(dpkg-query -W -f '${Version}' postgresql-15)"
                    """, root,
            ])
            #expect(fetched.status == 0, "\(fetched.output)")
            let said = try await expectNoFailover(
                after: "DEBIAN_FRONTEND=noninteractive dpkg -i /root/postgresql-15_*.deb", postmasterStays: true)
            #expect(said.contains("Setting up postgresql-15"), "\(said)")
        }
    }
}
