import Foundation
import Testing

extension LabSuite {
    /// The connection goes in the middle of a step, or two people start at once.
    @Suite(.serialized)
    struct CutApply {
        let hosts = Hosts()

        /// Starts an apply on a fresh lab and returns once `test` is true inside `host`.
        private func applying(
            _ host: String, until test: String, prepare: () async throws -> Void = {}
        ) async throws -> Program {
            try await hosts.fresh()
            let planned = try await hosts.pgadopt("plan", hosts.inventory, "--out", hosts.plan)
            #expect(planned.status == 2, "\(planned.output)")
            try await prepare()
            let (line, environment) = hosts.command(["apply", hosts.plan, "--yes"])
            let apply = try Program(line, environment: environment, directory: hosts.directory)
            // Inside the host, so that nothing is missed between two looks.
            try await hosts.shell(host, """
                i=0
                while ! (\(test)); do i=$((i + 1)); [ $i -lt 3000 ] || exit 1; sleep 0.02; done
                """)
            return apply
        }

        private func goesOn(_ postmaster: String) async throws {
            let second = try await hosts.pgadopt("apply", hosts.plan, "--yes", deadline: .seconds(300))
            #expect(second.status == 0, "\(second.output)")
            try await eventually("both replicas stream", within: .seconds(30)) { await hosts.isWhole() }
            let now = try await hosts.postmaster("h1")
            #expect(now == postmaster)
        }

        @Test func `with SSH gone in the trial of pg_hba, the old file is back in ten seconds, and apply goes on`()
            async throws
        {
            let kept = "/var/lib/pgadopt/main/pg_hba.before"
            let apply = try await applying("h1", until: "[ -e \(kept) ]") {
                // The proof, which comes from h2, takes its whole time.
                try await hosts.filter("h2", out: "tcp dport 5432")
            }
            try await hosts.filter("h1", in: "tcp dport 22", out: "tcp sport 22")
            let postmaster = try await hosts.postmaster("h1")
            try await eventually("pg_hba.conf is as before", within: .seconds(15)) {
                let left = try await hosts.shell("h1", """
                    ls /var/lib/pgadopt/main/pg_hba.trial.* 2>/dev/null
                    if [ -e \(kept) ]; then cmp \(kept) /etc/postgresql/15/main/pg_hba.conf; fi; true
                    """)
                return left.isEmpty
            }
            let ended = try await apply.end(within: .seconds(120))
            #expect(ended.status == 1 && ended.output.contains("h1"), "\(ended.output)")
            for host in ["h1", "h2"] { try await hosts.unfilter(host) }
            try await goesOn(postmaster)
        }

        @Test func `with the connection ended while the agent is unpacked and while data is copied, apply goes on`()
            async throws
        {
            let end = "pkill -KILL -f '^sshd: (dba|root)' || true"
            let apply = try await applying("h2", until: "ls -d /usr/lib/pgadopt.new.* >/dev/null 2>&1")
            try await hosts.shell("h2", end)
            let first = try await apply.end(within: .seconds(120))
            // Either it has come back by itself, or it says which host is gone.
            #expect(first.status == 0 || first.output.contains("h2"), "\(first.output)")
            let postmaster = try await hosts.postmaster("h1")
            let (line, environment) = hosts.command(["apply", hosts.plan, "--yes"])
            let second = try Program(line, environment: environment, directory: hosts.directory)
            try await hosts.shell("h3", """
                i=0
                while ! [ -e /var/lib/pgadopt/main/build/pid ]; do
                    i=$((i + 1)); [ $i -lt 3000 ] || exit 1; sleep 0.02
                done
                \(end)
                """)
            _ = try await second.end(within: .seconds(240))
            try await goesOn(postmaster)
            for host in Hosts.all {
                let left = try await hosts.shell(host, "ls -d /usr/lib/pgadopt.* 2>/dev/null || true")
                #expect(left.isEmpty, "\(host): \(left)")
            }
        }

        @Test func `of two who apply at once one wins, and the other is told who holds the lock since when`()
            async throws
        {
            let apply = try await applying("h1", until: "[ -e /var/lib/pgadopt/main/lock/holder ]")
            let postmaster = try await hosts.postmaster("h1")
            let other = hosts.directory.appendingPathComponent("other.json").path
            try? FileManager.default.removeItem(atPath: other)
            try FileManager.default.copyItem(atPath: hosts.plan, toPath: other)
            let second = try await hosts.pgadopt("apply", other, "--yes")
            #expect(second.status == 1, "\(second.output)")
            // What the winner has done already is no drift to be told of: the lock must be named.
            #expect(second.output.contains("is applying a plan to this cluster since"), "\(second.output)")
            let first = try await apply.end(within: .seconds(240))
            #expect(first.status == 0, "\(first.output)")
            try await eventually("both replicas stream", within: .seconds(30)) { await hosts.isWhole() }
            let now = try await hosts.postmaster("h1")
            #expect(now == postmaster)
        }
    }
}
