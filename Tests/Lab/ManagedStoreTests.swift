import Foundation
import Testing

extension LabSuite {
    /// The lab's own etcd is taken off; the adoption makes one from Debian's packages.
    @Suite(.serialized)
    struct ManagedStore {
        let hosts = Hosts()

        private var inventory: String { hosts.directory.appendingPathComponent("managed.yaml").path }

        /// Hosts without etcd: the packages of the disk are removed, as on a server that never had it. The hosts reach no
        /// mirror; an installation takes the package from their own cache, which is filled from this machine's mirror.
        private func bare() async throws {
            try await hosts.fresh()
            let fetched = try await Program.run(
                ["apt-get", "-q", "download", "etcd-server"], directory: hosts.directory)
            try #require(fetched.status == 0, "\(fetched.output)")
            let names = try FileManager.default.contentsOfDirectory(atPath: hosts.directory.path)
            let package = try #require(names.first { $0.hasPrefix("etcd-server_") && $0.hasSuffix(".deb") })
            for host in Hosts.all {
                try await hosts.shell(host, """
                    set -e
                    systemctl disable --now etcd 2>/dev/null || :
                    DEBIAN_FRONTEND=noninteractive apt-get -y purge etcd-server >/dev/null
                    mkdir -p /var/cache/apt/archives/partial
                    rm -rf /var/lib/etcd /etc/systemd/system/etcd.service.d
                    """)
                // After that, since Debian's images empty the cache whenever dpkg has run.
                let copied = try await Program.run(
                    [
                        "sh", "-c", "exec lab/lab exec $1 sh -c \"cat > '/var/cache/apt/archives/$2'\" < \"$3\"", "-", host,
                        package, hosts.directory.appendingPathComponent(package).path,
                    ], environment: ["LAB_NAME": hosts.name])
                try #require(copied.status == 0, "\(copied.output)")
            }
            let text = try String(contentsOfFile: hosts.inventory, encoding: .utf8)
            try Self.managed(text).write(toFile: inventory, atomically: true, encoding: .utf8)
        }

        /// The inventory of the lab with `store: managed` in place of its section.
        private static func managed(_ text: String) -> String {
            var lines: [Substring] = []
            var depth: Int?
            for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
                let indent = line.prefix { $0 == " " }.count
                if let limit = depth {
                    if line.isEmpty || indent > limit { continue }
                    depth = nil
                }
                if line.dropFirst(indent).hasPrefix("store:") {
                    depth = indent
                    lines.append(line.prefix(indent) + "store: managed")
                } else {
                    lines.append(line)
                }
            }
            return lines.joined(separator: "\n")
        }

        /// What is there of ours and of etcd.
        private func traces(_ host: String) async throws -> String {
            try await hosts.shell(host, """
                ls -d /etc/systemd/system/pgadopt* /etc/systemd/system/etcd* /var/lib/pgadopt /usr/bin/etcd \
                    /etc/systemd/system/multi-user.target.wants/*etcd* 2>/dev/null
                dpkg-query -W -f '${Package} ${db:Status-Status}\\n' 'etcd*' 2>/dev/null
                getent passwd etcd
                true
                """)
        }

        @Test func `hosts without etcd are adopted, killed on the way, survive the loss of one, and are given back as they were`()
            async throws
        {
            try await bare()
            var before: [String: String] = [:]
            for host in Hosts.all { before[host] = try await traces(host) }
            let postmaster = try await hosts.postmaster("h1")

            let checked = try await hosts.pgadopt("check", inventory)
            #expect(checked.status != 1, "\(checked.output)")
            let planned = try await hosts.pgadopt("plan", inventory, "--out", hosts.plan)
            #expect(planned.status == 2 && planned.output.contains("etcd-member"), "\(planned.output)")
            try await hosts.run(
                ["apply", hosts.plan, "--yes"],
                killedAt: ["after:h1/etcd-ca", "before:h2/etcd-member", "after:h3/etcd-member", "before:h1/etcd"],
                deadline: .seconds(420))
            let now = try await hosts.postmaster("h1")
            #expect(now == postmaster)
            for host in Hosts.all {
                let state = try await hosts.shell(
                    host, "systemctl is-active pgadopt-etcd@main etcd; systemctl is-enabled etcd; true")
                #expect(state.split(separator: "\n").map(String.init) == ["active", "inactive", "masked"], "\(host)")
            }
            let again = try await hosts.pgadopt("plan", inventory, "--out", hosts.plan + ".again")
            #expect(again.status == 0, "\(again.output)")
            let verified = try await hosts.pgadopt("verify", inventory)
            #expect(verified.status != 1 && verified.output.contains("store.certificates"), "\(verified.output)")

            // One member less is a majority still; the member that comes back joins by itself.
            try await hosts.shell("h3", "systemctl stop pgadopt-etcd@main")
            let status = try await hosts.pgadopt("status", inventory)
            #expect(status.status == 0, "\(status.output)")
            try await hosts.shell("h3", "systemctl start pgadopt-etcd@main")

            let released = try await hosts.pgadopt(
                "release", hosts.plan, "--replicas", "remove", "--yes", deadline: .seconds(300))
            #expect(released.status == 0, "\(released.output)")
            for host in Hosts.all {
                let after = try await traces(host)
                #expect(after == before[host], "\(host)")
            }
            let last = try await hosts.postmaster("h1")
            #expect(last == postmaster)
        }
    }
}
