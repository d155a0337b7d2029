extension SurveyScript {
    /// What only root can see of a running server, gathered by one command: names in its directory, links, limits,
    /// the files that settings name, the certificate, the end of the log. A line is a letter and a value in
    /// hexadecimal, because names may contain anything.
    static let details = #"""
        details_program='
            hex() { od -An -v -tx1 | tr -d " \n"; }
            put() { printf "%s " "$1"; printf %s "$2" | hex; printf "\n"; }
            data=$1 pid=$2 cert=$3 log=$4
            cd "$data" || exit 1
            put M "$(stat -L -c "%U %a" .)"
            for f in * .[!.]*; do if [ -e "$f" ] || [ -L "$f" ]; then put T "$f"; fi; done
            for f in * pg_tblspc/*; do if [ -L "$f" ]; then put K "$f"; put V "$(readlink -- "$f")"; fi; done
            n=0; for f in pg_wal/archive_status/*.ready; do if [ -e "$f" ]; then n=$((n + 1)); fi; done
            put R "$n"
            put O "$(cat "/proc/$pid/oom_score_adj")"
            put L "$(grep "^Max open files" "/proc/$pid/limits")"
            while read -r f; do
                if [ -n "$f" ]; then put N "$f"; put S "$(stat -L -c "%U %a" -- "$f")"; fi
            done
            if [ -n "$cert" ] && command -v openssl >/dev/null; then
                put X "$(openssl x509 -in "$cert" -noout -enddate -ext subjectAltName 2>/dev/null ||
                    openssl x509 -in "$cert" -noout -enddate)"
            fi
            case $log in ""|/*) ;; *) log=$data/$log ;; esac
            if [ -z "$log" ]; then log=$(readlink "/proc/$pid/fd/2"); fi
            if [ -f "$log" ]; then
                put G "$log"
                put P "$(tail -c 2000000 -- "$log" | grep -c -E "PANIC: |was terminated by signal")"
            fi'
        # PID: uses data, and named_files, certificate and log_file as SQL told them.
        one_server_details() {
            rec_open details pid "$1" clock "$(now)" certificate "$certificate"
            printf ',"lines":{"hex":"'
            printf '%s\n' "$named_files" | asroot $t20 /bin/sh -c "$details_program" sh "$data" "$1" "$certificate" "$log_file" | hex
            printf '"}'
            rec_close
        }
        # A second reading of the WAL position, some seconds after the first.
        survey_wal() {
            for pid in $postmasters; do
                server_connection "$pid" || continue
                out=$(printf "SELECT 'W' || pg_current_wal_lsn() || ' ' || extract(epoch FROM clock_timestamp()) WHERE NOT pg_is_in_recovery();" |
                    run_psql "$t5" "$psql" "$owner" "$sockets" "$port" postgres 2>/dev/null)
                case $out in W*) rec wal pid "$pid" text "${out#W}" ;; esac
            done
        }
        """#
}
