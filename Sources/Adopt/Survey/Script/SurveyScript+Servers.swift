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
                exe=$(asroot readlink "/proc/$pid/exe"); exe=${exe% (deleted)}
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
            rec_open installation bin "$1" version "$($t5 "$1/postgres" --version)" missing "$missing" lib "$lib"
            printf ',"libraries":{"hex":"'; names "$lib" .so | hex
            printf '"},"extensions":{"hex":"'; names "$share/extension" .control | hex; printf '"}'
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
                space=$(asroot readlink "$p/ns/pid")
                if [ -n "$space" ] && [ "$space" != "$own" ]; then
                    rec foreignserver pid "$pid"; continue
                fi
                data=$(asroot readlink "$p/cwd")
                if [ -n "$data" ] && [ "$(asroot head -n 1 "$data/postmaster.pid")" = "$pid" ]; then
                    postmasters="$postmasters $pid"
                elif [ $can_root = no ]; then
                    problem "process $pid ($comm) may be a PostgreSQL server; its data directory cannot be read without root"
                fi
            done
        }
        survey_servers() { for pid in $postmasters; do one_server "$pid"; done; }
        one_server() {
            data=$(asroot readlink "/proc/$1/cwd")
            pidfile=$(asroot cat "$data/postmaster.pid")
            exe=$(asroot readlink "/proc/$1/exe"); bin=$(dirname "${exe% (deleted)}")
            owner=$(stat -c %U "/proc/$1")
            cgroup=$(cat "/proc/$1/cgroup")
            unit=$(printf '%s\n' "$cgroup" | sed -n -e 's#.*/\([^/]*\.service\)$#\1#p' -e 's#.*/\([^/]*\.scope\)$#\1#p' | head -n 1)
            properties=
            if [ -n "$unit" ] && [ -d /run/systemd/system ]; then
                properties=$($t10 systemctl show \
                    -p Id,Type,Restart,KillMode,FragmentPath,DropInPaths,SourcePath,UnitFileState,ActiveState,PartOf,NotifyAccess \
                    -- "$unit")
            fi
            rec server pid "$1" stat "$(cat "/proc/$1/stat")" owner "$owner" exe "$exe" \
                cmdline "$(asroot cat "/proc/$1/cmdline" | tr '\000' '\037')" cgroup "$cgroup" unit "$unit" \
                properties "$properties" data "$data" pidfile "$pidfile" bin "$bin" \
                mode "$(asroot stat -c %a "$data")" control "$(control_data "$bin" "$data")" \
                waldir "$(asroot readlink -f "$data/pg_wal")"
            config=$data/postgresql.conf; hba=$data/pg_hba.conf
            one_server_sql "$1"
            survey_files "$1"
        }
        control_data() {
            if [ -x "$1/pg_controldata" ]; then asroot $t10 "$1/pg_controldata" -D "$2"; fi
        }
        """#

    /// Configuration files: digest, owner, mode, size, and the text of those that a plan shows.
    static let files = #"""
        digest() {
            if have sha256sum; then asroot cat -- "$1" | sha256sum | cut -c 1-64
            else asroot cat -- "$1" | openssl dgst -sha256 -r | cut -c 1-64; fi
        }
        one_file() { # PID KIND PATH
            d=$(digest "$3")
            s=$(asroot stat -L -c '%U %a %s' -- "$3")
            if [ -z "$s" ]; then problem "the configuration file $3 of server $1 cannot be read"; return; fi
            rec_open file pid "$1" kind "$2" path "$3" digest "$d" stat "$s"
            case $2 in
                config|hba|ident|include)
                    if [ "${s##* }" -gt 1048576 ]; then printf ',"cut":"yes"'
                    else printf ',"text":{"hex":"'; asroot cat -- "$3" | hex; printf '"}'; fi ;;
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
            asroot cat -- "$2" | sed -n "s/^[[:blank:]]*[iI][nN][cC][lL][uU][dD][eE]_[dD][iI][rR][[:blank:]]*=\{0,1\}[[:blank:]]*'\([^']*\)'.*/\1/p" |
            while IFS= read -r d; do
                case $d in /*) ;; *) d=$(dirname "$2")/$d ;; esac
                rec_open includedir pid "$1" path "$d"
                printf ',"names":{"hex":"'; asroot ls -A -- "$d" | tr '\n' '/' | hex; printf '"}'
                rec_close
            done
        }
        """#
}
