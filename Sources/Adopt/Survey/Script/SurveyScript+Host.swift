extension SurveyScript {
    /// What lies where data directories and tablespaces will be, and the space below them.
    static let targets = #"""
        survey_targets() {
            while [ $# -gt 1 ]; do
                case $1 in
                    --target) one_target target "$2" ;;
                    --tablespace) one_target tablespace "$2" ;;
                    --waldir) one_target wal "$2" ;;
                esac
                shift 2
            done
            for pid in $postmasters; do one_target live "$(ask readlink "/proc/$pid/cwd")"; done
        }
        # Files that the primary's settings name: are they here too?
        survey_named_files() {
            while [ $# -gt 1 ]; do
                if [ "$1" = --file ]; then rec named path "$2" stat "$(ask stat -L -c '%U %a' -- "$2")"; fi
                shift 2
            done
        }
        one_target() { # KIND PATH
            content=absent; control=; version=
            if ask test -d "$2"; then
                if ask test -e "$2/PG_VERSION"; then
                    content=dataDirectory
                    version=$(ask head -n 1 -- "$2/PG_VERSION")
                    for d in "$bindir" "/usr/lib/postgresql/$version/bin" "/usr/pgsql-$version/bin"; do
                        if [ -z "$control" ]; then control=$(control_data "$d" "$2"); fi
                    done
                    # Made by hand, the programs may lie anywhere: those of a server of the same version will do.
                    for pid in $postmasters; do
                        if [ -n "$control" ]; then break; fi
                        exe=$(ask readlink "/proc/$pid/exe"); d=$(dirname "${exe% (deleted)}")
                        case $($t5 "$d/postgres" --version) in
                            *" $version"|*" $version".*) control=$(control_data "$d" "$2") ;;
                        esac
                    done
                elif ! said=$(ask ls -A -- "$2"); then content=unreadable
                elif [ -z "$said" ]; then content=empty
                else content=otherFiles; fi
            elif ask test -e "$2" || ask test -L "$2"; then content=otherFiles; fi
            near=$2
            while [ -n "$near" ] && ! ask test -d "$near"; do near=${near%/*}; done
            near=${near:-/}
            wal=
            if ask test -d "$2/pg_wal"; then wal=$(ask df -Pk -- "$2/pg_wal"); fi
            mount=; if have findmnt; then mount=$(ask findmnt -n -o FSTYPE,OPTIONS -T "$near"); fi
            device=$(ask stat -L -c '%Hd:%Ld' -- "$near"); io=
            if [ -r "/sys/dev/block/$device/stat" ]; then io=$(first_line "/sys/dev/block/$device/stat"); fi
            rec target kind "$1" path "$2" mount "$mount" io "$io" content "$content" version "$version" control "$control" \
                owner "$(ask stat -L -c '%U %a' -- "$2")" df "$(ask df -Pk -- "$near")" \
                filesystem "$(ask stat -f -c %T -- "$near")" inodes "$(ask df -Pi -- "$near")" waldf "$wal"
        }
        """#

    /// Ports, other managers of availability, our own agents, and connections to the other hosts.
    static let network = #"""
        survey_rivals() {
            rec ports listening "$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" { print $2 }')"
            own=$(readlink /proc/self/ns/pid)
            for p in /proc/[0-9]*; do
                comm=
                { read -r comm < "$p/comm"; } 2>/dev/null
                case $comm in
                    patroni|patroni*|repmgrd|pg_autoctl|stolon-*|pacemakerd|corosync|keepalived|efm|heartbeat|pgconsul|pgadopt-agent) ;;
                    python*|java)
                        words=$(tr '\000' ' ' < "$p/cmdline" 2>/dev/null)
                        case $words in
                            *patroni*) comm=patroni ;;
                            *pgconsul*) comm=pgconsul ;;
                            *com.enterprisedb.efm*) comm=efm ;;
                            *) continue ;;
                        esac ;;
                    *) continue ;;
                esac
                if [ "$(ask readlink "$p/ns/pid")" != "$own" ]; then continue; fi
                if [ "$comm" = pgadopt-agent ]; then
                    rec agent pid "${p#/proc/}" cgroup "$(cat "$p/cgroup")" cmdline "$(ask cat "$p/cmdline" | tr '\000' '\037')"
                else rec rival name "$comm" running yes evidence "process ${p#/proc/}"; fi
            done
            if [ -d /run/systemd/system ]; then
                # By patterns, which systemd looks up itself: a list of all units costs it half a second of a processor.
                rec units text "$($t10 systemctl list-unit-files --type=service --no-legend --no-pager \
                    'patroni*' 'repmgr*' 'pgautofailover*' 'pg_autoctl*' 'stolon*' 'pacemaker*' 'corosync*' 'keepalived*' \
                    'edb-efm*' 'efm*' 'heartbeat*' 'pgconsul*' 'drbd*' 'pgadopt*')"
            fi
        }
        # A line of output shorter than a pipe's buffer is written whole, so the probes can run side by side.
        survey_network() {
            said=$(
                while [ $# -gt 1 ]; do
                    case $1 in
                        --reach) probe "${2% *}" "${2##* }" & ;;
                        --peer) if have ping && [ -n "$t5" ]; then echo_requests "$2" & fi ;;
                    esac
                    shift 2
                done
                wait
            )
            if [ -n "$said" ]; then printf '%s\n' "$said"; fi
        }
        probe() { # HOST PORT
            if have bash && [ -n "$t5" ]; then
                way=bash; said=$(timeout 3 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>&1); code=$?
            elif have nc; then way=nc; said=$($t5 nc -z -w 3 "$1" "$2" 2>&1); code=$?
            elif have python3; then
                way=python3
                said=$(python3 -c 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)' "$1" "$2" 2>&1)
                code=$?
            else way=none; code=0; said=; fi
            printf '%s' "$(rec reach host "$1" port "$2" way $way code $code said "$(printf %s "$said" | tail -n 2 | tr '\n' ' ')")$nl"
        }
        """#
}
