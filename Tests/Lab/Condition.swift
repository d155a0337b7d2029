import Testing

/// What an adoption may not leave behind once it is taken back: files, objects of the server, keys, units.
struct Condition {
    private var postmaster: String
    private var server: String
    private var files: [String: String] = [:]

    init(_ hosts: Hosts) async throws {
        postmaster = try await hosts.postmaster("h1")
        server = try await hosts.serverState("h1")
        files = try await Self.configurations(hosts)
    }

    static func configurations(_ hosts: Hosts) async throws -> [String: String] {
        var files: [String: String] = [:]
        for host in Hosts.all { files[host] = try await configuration(host, hosts) }
        return files
    }

    /// Configuration files of a host, by content, owner and mode, and whatever of ours is there.
    private static func configuration(_ host: String, _ hosts: Hosts) async throws -> String {
        try await hosts.shell(host, """
            find /etc/postgresql /etc/pgadopt /usr/lib/pgadopt* /var/lib/pgadopt /etc/systemd/system -type f -print0 \
              2>/dev/null | sort -z | xargs -0r sh -c 'for f; do stat -c "%n %U:%G %a" "$f"; sha256sum < "$f"; done' -
            ls -d /etc/pgadopt /usr/lib/pgadopt* /var/lib/pgadopt /run/pgadopt* /etc/systemd/system/*pgadopt* \
              /var/lib/postgresql/* /var/lib/postgresql/15/* /etc/postgresql /etc/postgresql/* 2>/dev/null
            systemctl list-units --all --plain --no-legend 'pgadopt*'
            pgrep -a pgadopt
            true
            """)
    }

    /// The same process with the same objects under its own unit, the same files, and no key in the store. Waits
    /// longer than the lease: a guard that was left behind would have ended the server by then.
    func expectSame(_ hosts: Hosts, _ when: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let comment = Comment(rawValue: when)
        try await Task.sleep(for: .seconds(13))
        let postmasterNow = try await hosts.postmaster("h1")
        #expect(postmasterNow == postmaster, comment, sourceLocation: sourceLocation)
        let serverNow = try await hosts.serverState("h1")
        #expect(serverNow == server, comment, sourceLocation: sourceLocation)
        for host in Hosts.all {
            let now = try await Self.configuration(host, hosts)
            #expect(now == files[host], "\(host), \(when)", sourceLocation: sourceLocation)
        }
        let keys = try await hosts.shell("h1", "ETCDCTL_API=3 etcdctl get --prefix --keys-only /service/main/")
        #expect(keys.isEmpty, "\(when): \(keys)", sourceLocation: sourceLocation)
        let unit = try await hosts.shell("h1", """
            systemctl show -p ActiveState,MainPID postgresql@15-main.service | sort | paste -sd' '
            """)
        let pid = postmaster.split(separator: " ")[0]
        #expect(unit == "ActiveState=active MainPID=\(pid)", comment, sourceLocation: sourceLocation)
        let files = try await hosts.shell("h1", """
            find /etc/postgresql /etc/pgadopt /run /tmp /var/lib/postgresql -name '*pgadopt*' 2>/dev/null || true
            """)
        #expect(files.isEmpty, "\(when): \(files)", sourceLocation: sourceLocation)
    }
}
