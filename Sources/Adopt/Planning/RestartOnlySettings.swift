/// What is lost while a setting that only a restart can change has not its wanted value yet. Adoption works without
/// any of them, but for `wal_level = minimal` and exhausted senders and slots, which are refused.
///
/// - Parameter wanted: the value after the restart, where it is known.
/// - Returns: a sentence without a full stop. Source: PostgreSQL documentation, chapter "Server Configuration".
public func lostMeanwhile(_ name: String, wanted: String? = nil) -> String {
    switch name {
    case "wal_log_hints":
        "pg_rewind cannot be used: after a failover the old leader is rebuilt by a new base backup"
    case "hot_standby": "this server would not answer queries as a standby"
    case "cluster_name": "process titles and logs do not name the cluster; nothing else"
    case "wal_level" where wanted == "logical": "no logical replication slot can be made"
    case "wal_level": "the running level stays; streaming works with it"
    case "max_wal_senders": "no more replicas and backups at once than now"
    case "max_replication_slots": "no more slots than now"
    case "max_connections": "the old limit of connections holds"
    case "max_worker_processes", "max_parallel_workers": "the old number of background workers holds"
    case "max_prepared_transactions": "the old limit of prepared transactions holds"
    case "max_locks_per_transaction": "the shared lock table keeps its size"
    case "track_commit_timestamp": "commit times are not recorded, or still are"
    case "listen_addresses": "replicas reach this server through the agent's relay only, and clients as before"
    case "port", "unix_socket_directories": "clients find the server where they found it before"
    case "archive_mode": "WAL is archived as before, or still not"
    case "shared_buffers", "huge_pages", "huge_page_size", "wal_buffers": "shared memory keeps its size"
    case "shared_preload_libraries": "libraries that were added are not loaded, those removed still are"
    default: "the running value stays in force"
    }
}

/// How such settings take effect, for people.
public let deferredApplication =
    "They take effect by themselves at the next planned switchover: the server is then stopped in order, and its agent "
    + "starts it again, as a replica, with the values of its include file. pgadopt status lists what still waits."
