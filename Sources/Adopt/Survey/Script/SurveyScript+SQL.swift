import Shell

extension SurveyScript {
    /// The server's own psql, as its OS user, over its socket, in one READ ONLY transaction.
    /// Any error ends it and becomes a problem; nothing is told of a server that answered half.
    static let sql = #"""
        # SQL goes through printf and not through here-documents: bash keeps those in a file below /tmp.
        conninfo() { printf %s "$1" | sed "s/[\\\\']/\\\\&/g"; }
        # run_psql SECONDS-PREFIX PSQL OSUSER SOCKETDIR PORT DATABASE: SQL on standard input.
        run_psql() {
            as "$3" $1 "$2" -X -A -t -q -w -v ON_ERROR_STOP=1 -d "host='$(conninfo "$4")' port=$5 dbname='$(conninfo "$6")' \
                connect_timeout=5 application_name=pgadopt-survey client_encoding=UTF8 options='-c search_path=pg_catalog -c standard_conforming_strings=on \
                -c default_transaction_read_only=on -c statement_timeout=20s -c lock_timeout=1s \
                -c idle_in_transaction_session_timeout=60s -c row_security=off -c log_min_error_statement=panic'"
        }
        one_server_sql() {
            config_paths="config $config$nl""hba $hba$nl""ident $data/pg_ident.conf"
            if [ $can_ask != 0 ]; then problem "server $1: psql is missing, so nothing could be asked of it"; return; fi
            for db in postgres template1; do
                out=$(sql_server | run_psql "$t90" "$psql" "$owner" "$sockets" "$port" "$db" 2>&1); code=$?
                case $out in *"database \"postgres\" does not exist"*) ;; *) break ;; esac
            done
            case $out in *"${nl}E") ;; *) if [ $code = 0 ]; then code='cut short'; fi ;; esac
            if [ "$code" != 0 ]; then
                problem "server $1: SQL failed ($code): $(printf '%s' "$out" | grep -v '^[JFD]' | head -c 1000)"; return
            fi
            rec sql pid "$1" json "$(printf '%s\n' "$out" | sed -n 's/^J//p')"
            config_paths=$(printf '%s\n' "$out" | sed -n 's/^F//p')
            named_files=$(printf '%s\n' "$out" | sed -n 's/^N//p')
            certificate=$(printf '%s\n' "$out" | sed -n 's/^X//p')
            log_file=$(printf '%s\n' "$out" | sed -n 's/^G//p')
            locales="$locales $(printf '%s\n' "$out" | sed -n 's/^L//p' | head -n 20 | tr '\n' ' ')"
            one_more "$1" activity 'sessions and statistics' "$(sql_activity)"
            over_budget 'the sizes of the databases' || one_more "$1" sizes 'the sizes of the databases' "$(sql_sizes)"
            one_server_databases "$1" "$(printf '%s\n' "$out" | sed -n 's/^D//p')"
        }
        one_more() { # PID KIND WORDS SQL
            more=$(printf '%s\n' "$4" | run_psql "$t50" "$psql" "$owner" "$sockets" "$port" "$db" 2>&1); code=$?
            case $more in *"${nl}E") ;; *) if [ $code = 0 ]; then code='cut short'; fi ;; esac
            if [ "$code" = 0 ]; then rec "$2" pid "$1" json "$(printf '%s\n' "$more" | sed -n 's/^J//p')"
            else problem "server $1: $3 could not be read ($code): $(printf '%s' "$more" | grep -v '^J' | head -c 500)"; fi
        }
        # PID OIDS: names are fetched one by one, because a name may contain anything.
        one_server_databases() {
            count=0
            for oid in $2; do
                count=$((count + 1))
                if [ $count -gt 100 ]; then problem "server $1: only the first 100 databases were looked into"; break; fi
                if over_budget "database $count and those after it, of server $1"; then break; fi
                name=$(printf "SELECT datname || 'x' FROM pg_database WHERE oid = %s;" "$oid" |
                    run_psql "$t10" "$psql" "$owner" "$sockets" "$port" "$db" 2>/dev/null)
                name=${name%x}
                if out=$(sql_database | run_psql "$t10" "$psql" "$owner" "$sockets" "$port" "$name" 2>&1); then
                    rec database pid "$1" json "$out"
                else problem "server $1: database $name could not be read: $(printf %s "$out" | head -c 500)"; fi
            done
        }
        sql_database() { printf '%s\n' \#(quoted(databaseSQL)); }
        sql_server() { printf '%s\n' \#(quoted(serverSQL)); }
        sql_activity() { printf '%s\n' \#(quoted(activitySQL)); }
        sql_sizes() { printf '%s\n' \#(quoted(sizesSQL)); }
        """#

    /// One line `J{...}`, then `F` lines with configuration files, `D` lines with the OIDs of databases that
    /// accept connections, and `E` as proof of the end. Columns that only newer versions have are read through
    /// to_jsonb, which answers null where they are missing; functions go through psql's \if.
    static let serverSQL = #"""
        BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
        SELECT current_setting('server_version_num')::int >= 150000 AS v15 \gset
        \set actual NULL
        \if :v15
        \set actual pg_database_collation_actual_version(d.oid)
        \endif
        \set roles pg_roles
        \set kind NULL::text
        SELECT has_column_privilege('pg_catalog.pg_authid', 'rolpassword', 'SELECT') AS sees \gset
        \if :sees
        \set roles pg_authid
        \set kind 'CASE WHEN rolpassword LIKE \'md5%\' THEN \'md5\' WHEN rolpassword LIKE \'SCRAM-%\' THEN \'scram-sha-256\' END'
        \endif
        SELECT 'D' || oid FROM pg_database WHERE datallowconn ORDER BY oid;
        SELECT DISTINCT 'F' || kind || ' ' || path FROM (
            SELECT CASE name WHEN 'config_file' THEN 'config' WHEN 'hba_file' THEN 'hba' ELSE 'ident' END, setting
            FROM pg_settings WHERE name IN ('config_file', 'hba_file', 'ident_file')
            UNION ALL
            SELECT CASE WHEN sourcefile LIKE '%/postgresql.auto.conf' THEN 'auto' ELSE 'include' END, sourcefile
            FROM (SELECT sourcefile FROM pg_file_settings UNION SELECT sourcefile FROM pg_settings) AS s
            WHERE sourcefile <> current_setting('config_file')
        ) AS f(kind, path) WHERE path IS NOT NULL AND path !~ '[[:cntrl:]]' ORDER BY 1;
        SELECT DISTINCT 'L' || l.name FROM (SELECT to_jsonb(d) ->> 'datcollate' FROM pg_database AS d) AS l(name)
            WHERE l.name ~ '^[A-Za-z0-9_.@-]+$';
        SELECT 'N' || setting FROM pg_settings WHERE name IN ('ssl_cert_file', 'ssl_key_file', 'ssl_ca_file', 'ssl_crl_file',
            'ssl_dh_params_file', 'krb_server_keyfile') AND setting <> '' AND setting !~ '[[:cntrl:]]';
        SELECT 'X' || setting FROM pg_settings WHERE name = 'ssl_cert_file' AND current_setting('ssl') = 'on' AND setting !~ '[[:cntrl:]]';
        SELECT 'G' || f FROM pg_current_logfile() AS f WHERE f !~ '[[:cntrl:]]';
        SET LOCAL statement_timeout = '60s';
        SELECT 'J' || jsonb_build_object(
            'version', current_setting('server_version_num')::int,
            'startTime', to_char(pg_postmaster_start_time() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00',
            'isInRecovery', pg_is_in_recovery(),
            'lsn', CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
            'clock', extract(epoch FROM clock_timestamp()),
            'dataDirectory', current_setting('data_directory'),
            'configFile', current_setting('config_file'),
            'hbaFile', current_setting('hba_file'),
            'identFile', current_setting('ident_file'),
            'sockets', current_setting('unix_socket_directories'),
            'settings', (SELECT jsonb_agg(jsonb_build_object(
                    'name', name, 'unit', unit, 'context', context, 'source', source,
                    'sourceFile', sourcefile, 'pendingRestart', pending_restart, 'type', vartype,
                    'value', regexp_replace(setting, '(passw(?:or)?d\s*=\s*)(?:''(?:[^''\\]|\\.)*''|\S+)', '\1***', 'gi')
                ) ORDER BY name COLLATE "C")
                FROM pg_settings WHERE source NOT IN ('client', 'session') AND (
                    setting IS DISTINCT FROM boot_val OR pending_restart
                    OR source NOT IN ('default', 'override') OR name IN (SELECT name FROM pg_file_settings) OR name IN (
                    'wal_level', 'max_wal_senders', 'max_replication_slots', 'listen_addresses', 'port', 'wal_log_hints',
                    'data_checksums', 'fsync', 'full_page_writes', 'synchronous_standby_names', 'synchronous_commit',
                    'shared_preload_libraries', 'session_preload_libraries', 'local_preload_libraries', 'ssl',
                    'max_connections', 'max_worker_processes', 'max_prepared_transactions', 'max_locks_per_transaction',
                    'hot_standby', 'wal_keep_size', 'wal_keep_segments', 'max_slot_wal_keep_size', 'archive_mode',
                    'archive_command', 'archive_library', 'restore_command', 'primary_conninfo', 'primary_slot_name',
                    'recovery_min_apply_delay', 'track_commit_timestamp', 'cluster_name', 'huge_pages',
                    'shared_buffers', 'password_encryption', 'unix_socket_directories', 'wal_segment_size',
                    'block_size', 'wal_block_size', 'restart_after_crash', 'default_transaction_read_only',
                    'lc_messages', 'lc_monetary', 'lc_numeric', 'lc_time', 'lc_collate', 'lc_ctype',
                    'idle_replication_slot_timeout', 'wal_sender_timeout', 'wal_receiver_timeout', 'tcp_keepalives_idle',
                    'shared_memory_size', 'shared_memory_size_in_huge_pages', 'shared_memory_type', 'dynamic_shared_memory_type',
                    'max_wal_size', 'checkpoint_timeout', 'autovacuum_max_workers', 'promote_trigger_file', 'ssl_cert_file',
                    'ssl_key_file', 'ssl_ca_file', 'work_mem', 'effective_cache_size', 'TimeZone', 'wal_compression',
                    'superuser_reserved_connections', 'max_files_per_process', 'data_directory_mode', 'krb_server_keyfile'))),
            'roles', (SELECT coalesce(jsonb_agg(r), '[]') FROM (
                SELECT rolname AS name, rolsuper AS "isSuperuser", rolreplication AS "canReplicate",
                    rolcanlogin AS "canLogin", rolconnlimit AS "connectionLimit", coalesce(rolvaliduntil < now(), false) AS "isExpired",
                    :kind AS "passwordKind" FROM :roles AS r WHERE rolname !~ '^pg_'
                ORDER BY rolsuper DESC, rolreplication DESC, rolname LIMIT 2000) AS r),
            'databases', (SELECT jsonb_agg(jsonb_build_object(
                    'name', d.datname, 'encoding', pg_encoding_to_char(encoding),
                    'collate', to_jsonb(d) ->> 'datcollate', 'ctype', to_jsonb(d) ->> 'datctype',
                    'provider', coalesce(to_jsonb(d) ->> 'datlocprovider', 'c'),
                    'collationVersion', to_jsonb(d) ->> 'datcollversion',
                    'actualCollationVersion', :actual, 'oid', d.oid::text::int8, 'transactionAge', age(datfrozenxid),
                    'multixactAge', mxid_age(datminmxid), 'checksumFailures', s.checksum_failures) ORDER BY d.oid)
                FROM pg_database AS d LEFT JOIN pg_stat_database AS s ON s.datid = d.oid),
            'tablespaces', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'name', spcname, 'location', pg_tablespace_location(oid)) ORDER BY oid), '[]')
                FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')),
            'slots', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'name', slot_name, 'isLogical', slot_type = 'logical', 'isActive', active, 'plugin', plugin,
                    'isTemporary', temporary, 'database', database, 'walStatus', to_jsonb(s) ->> 'wal_status',
                    'restartLSN', restart_lsn, 'isFailover', to_jsonb(s) -> 'failover') ORDER BY slot_name), '[]')
                FROM pg_replication_slots AS s),
            'replicas', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'applicationName', application_name, 'clientAddress', host(client_addr), 'state', state,
                    'syncState', sync_state) ORDER BY application_name), '[]')
                FROM pg_stat_replication),
            'walReceiver', (SELECT jsonb_build_object('status', status, 'slot', slot_name,
                    'senderHost', to_jsonb(w) ->> 'sender_host', 'senderPort', to_jsonb(w) -> 'sender_port',
                    'timeline', received_tli,
                    'flushedLSN', coalesce(to_jsonb(w) ->> 'flushed_lsn', to_jsonb(w) ->> 'received_lsn'))
                FROM pg_stat_wal_receiver AS w LIMIT 1),
            'isReplayPaused', CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() END,
            'fileErrors', (SELECT coalesce(jsonb_agg(e), '[]') FROM (
                SELECT coalesce(sourcefile, '') || ':' || coalesce(sourceline::text, '') || ': ' || error
                FROM pg_file_settings WHERE error IS NOT NULL AND error <> 'setting could not be applied'
                UNION ALL
                SELECT current_setting('hba_file') || ':' || coalesce(line_number::text, '') || ': ' || error
                FROM pg_hba_file_rules WHERE error IS NOT NULL) AS x(e)),
            'openPreparedTransactions', (SELECT count(*) FROM pg_prepared_xacts),
            'archiver', (SELECT jsonb_build_object('archived', archived_count, 'failed', failed_count,
                    'lastFailedIsNewer', coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false))
                FROM pg_stat_archiver)
        )::text;
        COMMIT;
        \echo E
        """#
}
