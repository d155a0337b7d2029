import YAML

/// The inventory's keys: the one table behind reading, `pgadopt init` and the documentation.
public enum InventorySchema {
    public static let file = Schema("the inventory", freePrefix: "x-", [
        KeySpec("clusters", .map(key: .name, value: .section(cluster)), required: true,
            "The clusters by name; the name is Patroni's scope: in the store, in unit names, in cluster_name"),
    ])

    public static let cluster = Schema("a cluster", refused: secrets, [
        KeySpec("rto", .oneOf(RTOClass.allCases.map(\.rawValue)), default: "normal",
            "How fast a lost primary is replaced: the lease lives 6, 12, 30 or 120 s"),
        KeySpec("store", .either(.managedWord, .section(store)), required: true,
            "The etcd cluster that decides who leads; managed: pgadopt runs one on three of the hosts"),
        KeySpec("postgres", .section(postgres), "PostgreSQL on the hosts; whatever is absent is discovered"),
        KeySpec("replicas", .section(replicas), "How the replicas are built"),
        KeySpec("ssh", .section(ssh), "How to log in on the hosts; each host may differ"),
        KeySpec("hosts", .map(key: .name, value: .section(host)), required: true,
            "The hosts by member name: one primary, at least one replica, perhaps a witness"),
    ])

    public static let store = Schema("store", refused: secrets, [
        KeySpec("endpoints", .list(of: .endpoint, minimum: 1),
            "host:port of etcd's client listeners, as the members and this host reach them; required unless managed"),
        KeySpec("managed", .either(.bool, .section(managedStore)),
            "pgadopt installs an etcd on three of the hosts, with certificates of its own, instead of endpoints and tls"),
        KeySpec("namespace", .namespace, default: "service", "Keys lie below /NAMESPACE/CLUSTER/"),
        KeySpec("tls", .section(tls), "PEM files; given: etcd is spoken to over TLS"),
        KeySpec("username", .text, example: "pgadopt", "etcd's user, when etcd asks for one"),
        KeySpec("password_file", .text, example: "etcd.password", "File whose first line is that user's password"),
        KeySpec("password_env", .variable, example: "ETCD_PASSWORD",
            "Environment variable that holds it, instead of a file"),
    ])

    public static let managedStore = Schema("managed", refused: secrets, [
        KeySpec("client_port", .port, default: "2379", "Where its members listen for clients"),
        KeySpec("peer_port", .port, default: "2380", "Where they listen for each other"),
        KeySpec("directory", .text, default: "CLUSTER-store",
            "Directory on this machine for its authority and the clients' certificates; keep it, and keep it secret"),
    ])

    public static let tls = Schema("tls", refused: secrets, [
        KeySpec("ca_file", .text, example: "tls/ca.pem", "The authority that signed etcd's certificates"),
        KeySpec("cert_file", .text, example: "tls/client.pem", "Client certificate, when etcd asks for one"),
        KeySpec("key_file", .text, example: "tls/client.key", "Its private key"),
    ])

    public static let postgres = Schema("postgres", refused: secrets, [
        KeySpec("port", .port, default: "5432", "TCP port; needed when several servers run on a host"),
        KeySpec("data_directory", .absolutePath, example: "/var/lib/postgresql/15/main", "The data directory"),
        KeySpec("service", .unitName, example: "postgresql@15-main.service",
            "The systemd unit or init script that owns the server"),
        KeySpec("bin_directory", .absolutePath, example: "/usr/lib/postgresql/15/bin",
            "Where postgres and pg_basebackup lie"),
        KeySpec("os_user", .userName, default: "postgres", "The operating system's user that owns the data"),
        KeySpec("wal_directory", .absolutePath, example: "/srv/wal/15/main",
            "Where the pg_wal of a copy goes; absent: as on the primary, where the host has that place"),
    ])

    /// Percent.
    public static let maxLatencies = 105...1000

    public static let replicas = Schema("replicas", [
        KeySpec("max_rate", .bytes, example: "100MB", "Upper bound of a base backup's rate per second; absent: none"),
        KeySpec("checkpoint", .oneOf(["auto"] + CheckpointMode.allCases.map(\.rawValue)), default: "auto",
            "Start with a burst of writes, or wait minutes for a paced one; auto: the latter on a busy primary"),
        KeySpec("max_latency", .either(.integer(maxLatencies), .oneOf(["off"])),
            default: String(ReplicaOptions.defaultMaxLatency),
            "Slow a copy down while statements on the primary take more than this percentage of before"),
        KeySpec("clone_from", .oneOf(["auto"] + CloneSource.allCases.map(\.rawValue)), default: "auto",
            "Copy every replica from the primary, or the later ones from the first; auto: the latter from 1 GB on"),
        KeySpec("compress", .oneOf(["auto"] + CopyCompression.allCases.map(\.rawValue)), default: "auto",
            "Compress copies on their way (PostgreSQL 15 and later); auto: where the link is known to be slow"),
        KeySpec("rest_port", .port, default: "8008", "Port of the agents' REST API"),
        KeySpec("relay_port", .port, example: "8108",
            "Port of the replication relay, for a primary that listens on its own host only; absent: rest_port + 100"),
        KeySpec("pgbackrest", .section(pgBackRest),
            "Restore replicas from this repository of yours instead of copying the primary"),
    ])

    static let sshKeys: [KeySpec] = [
        KeySpec("user", .userName, example: "root", "Login user; absent: from ~/.ssh/config, then your own"),
        KeySpec("port", .port, default: "22", "Port of sshd"),
        KeySpec("identity_file", .text, example: "~/.ssh/id_ed25519", "Private key"),
        KeySpec("passphrase_file", .text, example: "ssh.passphrase", "File whose first line is the key's passphrase"),
        KeySpec("passphrase_env", .variable, example: "SSH_PASSPHRASE",
            "Environment variable that holds it, instead of a file"),
        KeySpec("use_agent", .bool, default: "true", "Ask the ssh-agent for keys"),
        KeySpec("known_hosts_file", .text, default: "~/.ssh/known_hosts", "Where the hosts' keys must be known"),
        KeySpec("jump", .jump, example: "admin@bastion:22", "Go through this host"),
        KeySpec("sudo", .oneOf(SudoPolicy.allCases.map(\.rawValue)), default: "auto",
            "sudo unless the login user is root, or never"),
    ]

    /// Defaults for all hosts of a cluster.
    public static let ssh = Schema("ssh", refused: secrets, sshKeys)

    /// One host's own values.
    public static let hostSSH = Schema("a host's ssh", refused: secrets, [
        KeySpec("host", .address, default: "the host's address",
            "Name, address or alias of ~/.ssh/config to log in at"),
    ] + sshKeys)

    public static let host = Schema("a host", refused: secrets, [
        KeySpec("role", .oneOf(HostRole.allCases.map(\.rawValue)), required: true,
            "What the host is at adoption; later the cluster decides"),
        KeySpec("address", .address, "Where members and clients reach it; absent: where ssh reaches it"),
        KeySpec("ssh", .section(hostSSH), "Values that differ from the cluster's ssh"),
        KeySpec("postgres", .section(postgres), "Values that differ from the cluster's postgres"),
        KeySpec("tags", .map(key: .text, value: .text), "Patroni's tags, such as nofailover: true"),
    ])

    /// Patroni's tags with a meaning of their own (compatibility sheet d.6); others are kept and published.
    public static let tags = Schema("tags", unknown: .warning, [
        KeySpec("nofailover", .bool, "Never becomes the leader"),
        KeySpec("failover_priority", .integer(Int.min...Int.max), default: "1", "Higher wins; 0 or less: never leads"),
        KeySpec("nosync", .bool, "Never becomes a synchronous standby"),
        KeySpec("sync_priority", .integer(Int.min...Int.max), default: "1",
            "Higher is chosen first as synchronous standby"),
        KeySpec("noloadbalance", .bool, "Not among the replicas a load balancer sees"),
        KeySpec("clonefrom", .bool, "Preferred source of new replicas"),
        KeySpec("replicatefrom", .text, "The member to stream from instead of the leader"),
        KeySpec("nostream", .bool, "Follows the archive only"),
    ])

    /// Secrets are never read from this file.
    static let secrets: [String: String] = {
        let password = "does not belong in this file: put the password into a file of its own (mode 600) "
            + "and name it with 'password_file', or name an environment variable with 'password_env'"
        let passphrase = "does not belong in this file: put the passphrase into a file of its own (mode 600) "
            + "and name it with 'passphrase_file', or name an environment variable with 'passphrase_env'"
        return [
            "password": password, "passwd": password, "pass": password, "secret": password, "token": password,
            "passphrase": passphrase, "key_password": passphrase, "private_key": passphrase,
        ]
    }()
}
