import Foundation
import Testing

extension LabSuite {
    /// What goes wrong for the operator before and during an adoption. The primary must come to no harm.
    @Suite(.serialized)
    struct BadDays {
        let hosts = Hosts()

        /// An unadopted lab, and the postmaster that must survive.
        private func unadopted() async throws -> String {
            let isUp = (try? await hosts.shell("h1", "true")) != nil
            let isAdopted = await !hosts.members().isEmpty
            if !isUp || isAdopted { try await hosts.fresh() }
            try await hosts.lab("up")
            return try await hosts.postmaster("h1")
        }

        /// `check` must fail and say all of `words`; the postmaster must be the one it was.
        private func expectRefusal(
            _ words: [String], inventory: String? = nil, postmaster: String,
            sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            let checked = try await hosts.pgadopt("check", inventory ?? hosts.inventory)
            #expect(checked.status == 1, "\(checked.output)", sourceLocation: sourceLocation)
            for word in words {
                #expect(
                    checked.output.lowercased().contains(word), "'\(word)' is not in:\n\(checked.output)",
                    sourceLocation: sourceLocation)
            }
            let now = try await hosts.postmaster("h1")
            #expect(now == postmaster, sourceLocation: sourceLocation)
        }

        @Test func `a key that no host knows is refused with the host and the user`() async throws {
            let postmaster = try await unadopted()
            let key = hosts.directory.appendingPathComponent("wrong_key").path
            try? FileManager.default.removeItem(atPath: key)
            _ = try await Program.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key])
            let right = hosts.directory.appendingPathComponent("id_ed25519").path
            let text = try String(contentsOfFile: hosts.inventory, encoding: .utf8)
            let wrong = hosts.directory.appendingPathComponent("wrong-key.yaml").path
            try text.replacingOccurrences(of: right, with: key).write(toFile: wrong, atomically: true, encoding: .utf8)
            try await expectRefusal(["h1", "dba"], inventory: wrong, postmaster: postmaster)
        }

        @Test func `a host key that changed is refused`() async throws {
            let postmaster = try await unadopted()
            let known = hosts.directory.appendingPathComponent("known_hosts").path
            let text = try String(contentsOfFile: known, encoding: .utf8)
            // The keys of h1 and h2 change places.
            let first = try await hosts.lab("dsn", "h1").split(separator: " ")[0].dropFirst("host=".count)
            let second = try await hosts.lab("dsn", "h2").split(separator: " ")[0].dropFirst("host=".count)
            let changed = text.replacingOccurrences(of: first + " ", with: "other ")
                .replacingOccurrences(of: second + " ", with: first + " ")
                .replacingOccurrences(of: "other ", with: second + " ")
            let file = hosts.directory.appendingPathComponent("changed_known_hosts").path
            try changed.write(toFile: file, atomically: true, encoding: .utf8)
            let inventory = hosts.directory.appendingPathComponent("changed-key.yaml").path
            try String(contentsOfFile: hosts.inventory, encoding: .utf8).replacingOccurrences(of: known, with: file)
                .write(toFile: inventory, atomically: true, encoding: .utf8)
            try await expectRefusal(["h1", "key"], inventory: inventory, postmaster: postmaster)
        }

        @Test func `a host that is off is named`() async throws {
            let postmaster = try await unadopted()
            try await hosts.lab("poweroff", "h3")
            try await expectRefusal(["h3"], postmaster: postmaster)
            try await hosts.lab("boot", "h3")
        }

        @Test func `a user without sudo is told so`() async throws {
            let postmaster = try await unadopted()
            try await hosts.shell("h2", "mv /etc/sudoers.d/dba /root/sudoers-dba")
            try await expectRefusal(["h2", "sudo"], postmaster: postmaster)
            try await hosts.shell("h2", "mv /root/sudoers-dba /etc/sudoers.d/dba")
        }

        @Test func `a target directory with somebody's data is left alone`() async throws {
            let postmaster = try await unadopted()
            try await hosts.shell("h2", """
                install -d -o postgres -g postgres -m 700 /var/lib/postgresql/15/main
                echo precious > /var/lib/postgresql/15/main/letter
                """)
            try await expectRefusal(["h2", "/var/lib/postgresql/15/main"], postmaster: postmaster)
            let letter = try await hosts.shell("h2", "cat /var/lib/postgresql/15/main/letter")
            #expect(letter == "precious")
            try await hosts.shell("h2", "rm -r /var/lib/postgresql/15")
        }

        @Test func `a target with another major version is refused`() async throws {
            let postmaster = try await unadopted()
            // The place of Debian's version 13, with programs that say so.
            try await hosts.shell("h2", """
                mkdir -p /usr/lib/postgresql/13/bin
                for p in postgres pg_basebackup pg_controldata pg_rewind pg_ctl psql; do
                  printf '#!/bin/sh\\necho "%s (PostgreSQL) 13.20"\\n' $p > /usr/lib/postgresql/13/bin/$p
                  chmod 755 /usr/lib/postgresql/13/bin/$p
                done
                mv /usr/lib/postgresql/15 /root/postgresql-15
                """)
            try await expectRefusal(["h2", "15"], postmaster: postmaster)
            try await hosts.shell("h2", "mv /root/postgresql-15 /usr/lib/postgresql/15; rm -r /usr/lib/postgresql/13")
        }

        @Test func `an etcd without a quorum is found before anything is begun`() async throws {
            let postmaster = try await unadopted()
            for host in ["h2", "h3"] { try await hosts.shell(host, "systemctl stop etcd") }
            try await expectRefusal(["etcd"], postmaster: postmaster)
            for host in ["h2", "h3"] { try await hosts.shell(host, "systemctl start etcd --no-block") }
            try await hosts.lab("up")
        }

        @Test func `an apply that is interrupted can be continued`() async throws {
            try await hosts.fresh()
            let postmaster = try await hosts.postmaster("h1")
            let planned = try await hosts.pgadopt("plan", hosts.inventory, "--out", hosts.plan)
            #expect(planned.status == 2, "\(planned.output)")
            let (line, environment) = hosts.command(["apply", hosts.plan, "--yes"])
            let first = try Program(line, environment: environment, directory: hosts.directory)
            // In the middle: something has been written on h2, and not all of it.
            try await eventually("apply works on h2", within: .seconds(60)) {
                let running = await first.isRunning
                let touched = try await hosts.shell("h2", "ls -d /usr/lib/pgadopt /etc/pgadopt 2>/dev/null || true")
                return !running || !touched.isEmpty
            }
            let stopped = try await first.end(signal: SIGINT, within: .seconds(60))
            #expect(stopped.status != 0, "apply was already done: \(stopped.output)")
            let between = try await hosts.postmaster("h1")
            #expect(between == postmaster)

            let second = try await hosts.pgadopt("apply", hosts.plan, "--yes", deadline: .seconds(300))
            #expect(second.status == 0, "\(second.output)")
            try await eventually("both replicas stream", within: .seconds(30)) { await hosts.isWhole() }
            let after = try await hosts.postmaster("h1")
            #expect(after == postmaster)
        }
    }
}
