import Configuration
import Planning
import PostgresModel
import Shell

/// The budget of WAL, watched from the target: it holds when no `apply` watches, because the control host or its link
/// is gone. Part of the program that runs the copy.
///
/// The target can ask the primary what the slot keeps (as pgadopt_rewind; the views are everybody's) and can drop the
/// slot (as pgadopt_replication); what is free on the primary's disk it cannot ask, so the budget is that of the copy's
/// beginning. Files in the work directory: `budget`, in bytes, there only when the slot is ours to drop; `guarding`,
/// from the moment at which it acts.
struct CopyGuard {
    var change: BaseBackupChange
    /// To the server that is copied; here it is the primary that matters.
    var connection: ConnectionInfo

    static let every = 10

    /// Expects `$w`, the work directory, and `$c`, the receiver, in a session that `$$` leads.
    var loop: String {
        """
        guard() {
            while sleep \(Self.every); do
                kill -0 $c 2>/dev/null || break
                budget=; { read -r budget < "$w/budget"; } 2>/dev/null
                if [ -z "$budget" ]; then continue; fi
                kept=$(\(look) 2>/dev/null </dev/null)
                case $kept in ""|*[!0-9]*) continue ;; esac
                if [ "$kept" -le "$budget" ]; then continue; fi
                : > "$w/guarding"
                # The whole session, since the process that streams the WAL outlives its parent, and uses the slot.
                trap "" TERM; kill -TERM -$$; kill -CONT $c
                echo "ended: the slot keeps $kept bytes of WAL on "\(quoted(change.sourceHost))", its budget is" \\
                    "$budget" >> "$w/log"
                i=0
                until \(drop) >/dev/null 2>&1 </dev/null; do
                    i=$((i + 1)); if [ $i -gt 60 ]; then break; fi; sleep 1
                done
                if [ $i -le 60 ]; then echo "its slot was dropped, so that the WAL can go" >> "$w/log"; fi
                break
            done
        }
        guard &
        g=$!
        """
    }

    private var look: String {
        psql(
            role: Layout.rewindRole, database: "postgres",
            "SELECT coalesce(max(greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)), 0)::bigint "
                + "FROM pg_replication_slots WHERE slot_name = \(sqlLiteral(change.slot))")
    }

    private var drop: String {
        psql(role: change.role, database: nil, "DROP_REPLICATION_SLOT \(sqlIdentifier(change.slot))")
    }

    /// - Parameter database: nil: a connection for replication.
    private func psql(role: String, database: String?, _ statement: String) -> String {
        var info = connection
        info["user"] = role
        info["application_name"] = "pgadopt guard \(change.member)"
        info["connect_timeout"] = "5"
        if let database { info["dbname"] = database } else { info["replication"] = "true" }
        let words = [
            "\(change.binDirectory)/psql", "-X", "-A", "-t", "-q", "-w", "-d", info.description, "-c", statement,
        ]
        return "PGPASSFILE=\(quoted(change.passfile)) PGOPTIONS= timeout 20 \(commandLine(words))"
    }
}
