extension SurveyScript {
    /// Directories with PostgreSQL's programs: the packages' places, PATH, the inventory's, and where a running
    /// server was started from.
    static let installations = #"""
        survey_installations() {
            seen=/
            for d in "$bindir" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/local/pgsql/bin /opt/postgresql*/bin; do
                one_installation "$d"
            done
            p=$(command -v postgres 2>/dev/null)
            if [ -n "$p" ]; then one_installation "$(dirname "$(readlink -f "$p")")"; fi
            for pid in $postmasters; do
                exe=$(ask readlink "/proc/$pid/exe"); exe=${exe% (deleted)}
                one_installation "$(dirname "$exe")"
            done
        }
        one_installation() {
            if [ -z "$1" ] || ! [ -x "$1/postgres" ]; then return; fi
            case $seen in */"|$1|"/*) return ;; esac
            seen="$seen|$1|/"
            missing=
            for p in pg_basebackup pg_rewind pg_controldata pg_ctl psql; do
                if ! [ -x "$1/$p" ]; then missing="$missing $p"; fi
            done
            lib=; share=
            if [ -x "$1/pg_config" ]; then
                lib=$($t5 "$1/pg_config" --pkglibdir); share=$($t5 "$1/pg_config" --sharedir)
            fi
            if ! [ -d "$lib" ]; then lib=${1%/bin}/lib; fi
            if ! [ -d "$share" ]; then
                case $1 in
                    /usr/lib/postgresql/*) v=${1#/usr/lib/postgresql/}; share=/usr/share/postgresql/${v%/bin} ;;
                    *) share=${1%/bin}/share ;;
                esac
            fi
            options=; if [ -x "$1/pg_config" ]; then options=$($t5 "$1/pg_config" --configure); fi
            icu=; if have ldd; then icu=$($t5 ldd "$1/postgres" | grep -o 'libicui18n[^ ]*' | head -n 1); fi
            broken=
            for l in plperl plpython3 pltcl plv8; do
                if have ldd && [ -e "$lib/$l.so" ]; then
                    said=$($t5 ldd "$lib/$l.so" | grep 'not found' | head -n 1)
                    if [ -n "$said" ]; then broken="$broken$l: $said$nl"; fi
                fi
            done
            defaults=$(cd "$share/extension" 2>/dev/null && $t5 grep -H '^[[:blank:]]*default_version' -- *.control)
            rec_open installation bin "$1" version "$($t5 "$1/postgres" --version)" missing "$missing" lib "$lib" \
                options "$options" icu "$icu" broken "$broken" defaults "$defaults"
            printf ',"libraries":{"hex":"'; names "$lib" .so | hex
            printf '"},"extensions":{"hex":"'; names "$share/extension" .control | hex
            printf '"},"dictionaries":{"hex":"'; names "$share/tsearch_data" '' | hex; printf '"}'
            rec_close
        }
        # File names with a suffix, each followed by a slash, which no file name contains.
        names() {
            for f in "$1"/*"$2"; do
                if [ -e "$f" ]; then f=${f##*/}; printf '%s/' "${f%"$2"}"; fi
            done
        }
        """#

    /// Running postmasters, their process, owner unit and data directory.
    static let servers = #"""
        postmasters=
        # Of this process namespace only: a server in a container has paths and sockets that mean nothing here.
        find_servers() {
            own=$(readlink /proc/self/ns/pid)
            for p in /proc/[0-9]*; do
                pid=${p#/proc/}; comm=; line=
                { read -r comm < "$p/comm"; } 2>/dev/null
                case $comm in postgres|postmaster|edb-postgres) ;; *) continue ;; esac
                { read -r line < "$p/stat"; } 2>/dev/null
                set -- ${line##*) }
                parent=
                { read -r parent < "/proc/${2:-0}/comm"; } 2>/dev/null
                case $parent in postgres|postmaster|edb-postgres) continue ;; esac
                space=$(ask readlink "$p/ns/pid")
                if [ -n "$space" ] && [ "$space" != "$own" ]; then
                    rec foreignserver pid "$pid"; continue
                fi
                data=$(ask readlink "$p/cwd")
                if [ -n "$data" ] && [ "$(ask head -n 1 "$data/postmaster.pid")" = "$pid" ]; then
                    postmasters="$postmasters $pid"
                elif [ $can_root = no ]; then
                    problem "process $pid ($comm) may be a PostgreSQL server; its data directory cannot be read without root"
                fi
            done
        }
        survey_servers() {
            for pid in $postmasters; do over_budget "server $pid" || one_server "$pid"; done
        }
        # PID: where its data, programs, sockets and port are.
        server_connection() {
            data=$(ask readlink "/proc/$1/cwd")
            pidfile=$(ask cat "$data/postmaster.pid")
            exe=$(ask readlink "/proc/$1/exe"); bin=$(dirname "${exe% (deleted)}")
            owner=$(stat -c %U "/proc/$1")
            port=$(printf '%s\n' "$pidfile" | sed -n 4p); sockets=$(printf '%s\n' "$pidfile" | sed -n 5p)
            psql=$bin/psql
            if ! [ -x "$psql" ]; then psql=$(command -v psql); fi
            if [ -z "$sockets" ]; then sockets=127.0.0.1; fi
            [ -n "$psql" ] && [ -n "$port" ]
        }
        one_server() {
            server_connection "$1"; can_ask=$?
            cgroup=$(cat "/proc/$1/cgroup")
            unit=$(printf '%s\n' "$cgroup" | sed -n -e 's#.*/\([^/]*\.service\)$#\1#p' -e 's#.*/\([^/]*\.scope\)$#\1#p' | head -n 1)
            properties=
            if [ -n "$unit" ] && [ -d /run/systemd/system ]; then
                properties=$($t10 systemctl show \
                    -p MemoryMax,Id,Type,Restart,KillMode,FragmentPath,DropInPaths,SourcePath,UnitFileState,ActiveState,PartOf,NotifyAccess \
                    -- "$unit")
            fi
            rec server pid "$1" stat "$(cat "/proc/$1/stat")" owner "$owner" exe "$exe" \
                cmdline "$(ask cat "/proc/$1/cmdline" | tr '\000' '\037')" cgroup "$cgroup" unit "$unit" \
                properties "$properties" data "$data" pidfile "$pidfile" bin "$bin" \
                mode "$(ask stat -c %a "$data")" control "$(control_data "$bin" "$data")" \
                waldir "$(ask readlink -f "$data/pg_wal")"
            config=$data/postgresql.conf; hba=$data/pg_hba.conf
            named_files=; certificate=; log_file=
            one_server_sql "$1"
            one_server_details "$1"
            survey_files "$1"
        }
        control_data() {
            if [ -x "$1/pg_controldata" ]; then asroot $t10 "$1/pg_controldata" -D "$2"; fi
        }
        """#

    /// Configuration files: digest, owner, mode, size, and the text of those that a plan shows.
    static let files = #"""
        digest() { ask cat -- "$1" | digest_of_input; }
        one_file() { # PID KIND PATH
            d=$(digest "$3")
            s=$(ask stat -L -c '%U %a %s' -- "$3")
            if [ -z "$s" ]; then problem "the configuration file $3 of server $1 cannot be read"; return; fi
            rec_open file pid "$1" kind "$2" path "$3" digest "$d" stat "$s"
            case $2 in
                config|hba|ident|include)
                    if [ "${s##* }" -gt 1048576 ]; then printf ',"cut":"yes"'
                    else printf ',"text":{"hex":"'; ask cat -- "$3" | hex; printf '"}'; fi ;;
            esac
            rec_close
        }
        # config_paths holds lines KIND PATH, made from what the server says of its files, or guessed without it.
        survey_files() {
            printf '%s\n' "$config_paths" | while IFS=' ' read -r kind path; do
                if [ -n "$path" ]; then one_file "$1" "$kind" "$path"; fi
                if [ "$kind" = config ]; then include_dirs "$1" "$path"; fi
            done
        }
        include_dirs() {
            ask cat -- "$2" | sed -n "s/^[[:blank:]]*[iI][nN][cC][lL][uU][dD][eE]_[dD][iI][rR][[:blank:]]*=\{0,1\}[[:blank:]]*'\([^']*\)'.*/\1/p" |
            while IFS= read -r d; do
                case $d in /*) ;; *) d=$(dirname "$2")/$d ;; esac
                rec_open includedir pid "$1" path "$d"
                printf ',"names":{"hex":"'; ask ls -A -- "$d" | tr '\n' '/' | hex; printf '"}'
                rec_close
            done
        }
        """#
}
