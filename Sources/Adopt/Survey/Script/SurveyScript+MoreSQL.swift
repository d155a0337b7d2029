extension SurveyScript {
    /// Sessions, statistics, lines of the configuration files, values set for roles. Asked apart from the rest, so
    /// that a statement that meets its time limit takes no other answer with it. One line `J{...}`, then `E`.
    static let activitySQL = #"""
        BEGIN READ ONLY;
        SELECT v >= 130000 AS v13, v >= 140000 AS v14, v >= 150000 AS v15, v >= 170000 AS v17
        FROM (SELECT current_setting('server_version_num')::int AS v) AS s \gset
        \set backups 'SELECT NULL::bigint'
        \if :v13
        \set backups 'SELECT count(*) FROM pg_stat_progress_basebackup'
        \endif
        \set exclusive false
        \if :v15
        \else
        \set exclusive 'NOT pg_is_in_recovery() AND pg_is_in_backup()'
        \endif
        \set wal 'SELECT NULL::float8'
        \if :v14
        \set wal 'SELECT wal_bytes / nullif(extract(epoch FROM now() - stats_reset), 0) FROM pg_stat_wal'
        \endif
        \set checkpoints 'SELECT checkpoints_timed AS timed, checkpoints_req AS requested, checkpoint_sync_time AS sync FROM pg_stat_bgwriter'
        \if :v17
        \set checkpoints 'SELECT num_timed AS timed, num_requested AS requested, sync_time AS sync FROM pg_stat_checkpointer'
        \endif
        SELECT 'J' || jsonb_build_object(
            'user', current_user::text,
            'isSuperuser', current_setting('is_superuser') = 'on',
            'connections', (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
            'clients', (SELECT coalesce(jsonb_agg(c), '[]') FROM (
                SELECT usename::text AS "user", datname::text AS "database", host(client_addr) AS address,
                    left(application_name, 60) AS application, coalesce(s.ssl, false) AS tls, count(*) AS count
                FROM pg_stat_activity AS a LEFT JOIN pg_stat_ssl AS s USING (pid)
                WHERE backend_type = 'client backend' AND datname IS NOT NULL AND a.pid <> pg_backend_pid()
                GROUP BY 1, 2, 3, 4, 5 ORDER BY 6 DESC, 1, 2, 3, 4 LIMIT 200) AS c),
            'longest', (SELECT jsonb_build_object('seconds', extract(epoch FROM now() - xact_start),
                    'owner', coalesce(usename::text, '?') || coalesce(' from ' || host(client_addr), '') || coalesce(', ' || nullif(application_name, ''), ''))
                FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
                ORDER BY xact_start LIMIT 1),
            'idleInTransaction', (SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'),
            'advisoryLocks', (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'),
            'oldestPrepared', (SELECT extract(epoch FROM now() - min(prepared)) FROM pg_prepared_xacts),
            'backups', (:backups), 'exclusiveBackup', :exclusive, 'walRate', (:wal),
            'checkpoints', (SELECT to_jsonb(c) FROM (:checkpoints) AS c),
            'archiver', (SELECT jsonb_build_object('archived', archived_count, 'failed', failed_count,
                'age', extract(epoch FROM now() - last_archived_time)) FROM pg_stat_archiver),
            'roleSettings', (SELECT coalesce(jsonb_agg(jsonb_build_object('database', d.datname, 'role', r.rolname, 'setting',
                    regexp_replace(c, '(passw(?:or)?d\s*=\s*)(?:''(?:[^''\\]|\\.)*''|\S+)', '\1***', 'gi'))), '[]')
                FROM pg_db_role_setting AS s LEFT JOIN pg_database AS d ON d.oid = setdatabase
                    LEFT JOIN pg_roles AS r ON r.oid = setrole, unnest(setconfig) AS c),
            'fileSettings', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', name, 'file', sourcefile, 'line', sourceline, 'value',
                    regexp_replace(coalesce(setting, ''), '(passw(?:or)?d\s*=\s*)(?:''(?:[^''\\]|\\.)*''|\S+)', '\1***', 'gi')) ORDER BY seqno), '[]')
                FROM pg_file_settings WHERE name IS NOT NULL AND sourcefile IS NOT NULL)
        )::text;
        COMMIT;
        \echo E
        """#

    /// Sizes: the kernel is asked for every file of every database, which may take long.
    static let sizesSQL = #"""
        BEGIN READ ONLY;
        SET LOCAL statement_timeout = '40s';
        SELECT 'J' || jsonb_build_object(
            'databases', (SELECT jsonb_object_agg(oid::text, jsonb_build_object('size', pg_database_size(oid),
                'files', (SELECT count(*) FROM pg_ls_dir('base/' || oid, true, false)))) FROM pg_database),
            'tablespaces', (SELECT coalesce(jsonb_object_agg(spcname, pg_tablespace_size(oid)), '{}')
                FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')))::text;
        COMMIT;
        \echo E
        """#

    /// One database from inside. Lists are cut at 50 names.
    static let databaseSQL = #"""
        BEGIN READ ONLY;
        SELECT jsonb_build_object(
            'name', current_database(),
            'extensions', (SELECT coalesce(jsonb_agg(extname || ' ' || extversion ORDER BY extname), '[]') FROM pg_extension),
            'libraries', (SELECT coalesce(jsonb_agg(DISTINCT probin), '[]') FROM pg_proc WHERE probin IS NOT NULL AND prolang = 13),
            'staleCollations', (SELECT coalesce(jsonb_agg(collname ORDER BY collname), '[]') FROM pg_collation
                WHERE collversion IS NOT NULL AND collversion IS DISTINCT FROM pg_collation_actual_version(oid)),
            'unlogged', (SELECT coalesce(jsonb_agg(n), '[]') FROM (SELECT relname AS n FROM pg_class
                WHERE relpersistence = 'u' AND relkind IN ('r', 'p') ORDER BY 1 LIMIT 50) AS x),
            'unloggedTables', (SELECT count(*) FROM pg_class WHERE relpersistence = 'u' AND relkind = 'r'),
            'invalidIndexes', (SELECT coalesce(jsonb_agg(n), '[]') FROM (SELECT indexrelid::regclass::text AS n FROM pg_index
                WHERE NOT indisvalid ORDER BY 1 LIMIT 50) AS x),
            'languages', (SELECT coalesce(jsonb_agg(lanname ORDER BY lanname), '[]') FROM pg_language
                WHERE lanname NOT IN ('internal', 'c', 'sql', 'plpgsql')),
            'foreignFiles', (SELECT coalesce(jsonb_agg(n), '[]') FROM (
                SELECT srvname AS n FROM pg_foreign_server AS s JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
                WHERE fdwname = 'file_fdw' OR EXISTS (SELECT FROM unnest(srvoptions) AS o WHERE o ~ '=/')
                UNION SELECT ftrelid::regclass::text FROM pg_foreign_table
                WHERE EXISTS (SELECT FROM unnest(ftoptions) AS o WHERE o ~ '^(filename=/|program=)')
                ORDER BY 1 LIMIT 50) AS x),
            'loginTriggers', (SELECT coalesce(jsonb_agg(evtname ORDER BY evtname), '[]') FROM pg_event_trigger WHERE evtevent = 'login'),
            'subscriptions', (SELECT coalesce(jsonb_agg(subname ORDER BY subname), '[]') FROM pg_subscription AS s
                WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())),
            'publications', (SELECT coalesce(jsonb_agg(pubname ORDER BY pubname), '[]') FROM pg_publication));
        COMMIT;
        """#
}
