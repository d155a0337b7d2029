/// The POSIX shell script that surveys one host.
///
/// It is sent on standard input of `/bin/sh -s`, reads, writes nothing, and prints between two marker lines a
/// JSON array of flat records `{"is": KIND, KEY: VALUE, ...}`. A value is a JSON string when it consists of
/// harmless characters and `{"hex": "..."}` otherwise, so that no file, database or setting name can break the
/// document, and no byte of it is lost. The last record is `end`: a document without it is not whole.
/// The script stays dumb on purpose: what commands print is carried as text and read in Swift, under test.
enum SurveyScript {
    static let beginMarker = "pgadopt-survey-begin"
    static let endMarker = "pgadopt-survey-end"

    static var text: String {
        [
            foundations, accounts, timeKeeping, system, kernel, software, links, collation, installations, servers, details, files,
            sql, targets, network, etcd, pgBackRest, main,
        ].joined(separator: "\n")
    }

    /// Records, and the escape that survives any bytes.
    static let foundations = #"""
        set -u
        LC_ALL=C; export LC_ALL
        PATH=$PATH:/usr/sbin:/sbin:/usr/local/bin; export PATH
        unset PGDATABASE PGHOST PGPORT PGUSER PGSERVICE PGSERVICEFILE PGPASSFILE PGOPTIONS PGSSLMODE PSQLRC CDPATH
        unset PGAPPNAME PGCLIENTENCODING PGDATESTYLE PGTZ PGCONNECT_TIMEOUT PGTARGETSESSIONATTRS PSQL_HISTORY
        cd / || exit 1
        nl='
        '
        have() { command -v "$1" >/dev/null 2>&1; }
        hex() { od -An -v -tx1 | tr -d ' \n'; }
        str() {
            case $1 in
                *[!A-Za-z0-9_./:=@,+\ -]*) printf '{"hex":"'; printf %s "$1" | hex; printf '"}' ;;
                *) printf '"%s"' "$1" ;;
            esac
        }
        # rec KIND KEY VALUE ...: one record; rec_open leaves it open for values that arrive on a pipe.
        rec_open() {
            printf '{"is":"%s"' "$1"; shift
            while [ $# -gt 1 ]; do printf ',"%s":' "$1"; str "$2"; shift 2; done
        }
        rec_close() { printf '},\n'; }
        rec() { rec_open "$@"; rec_close; }
        problem() { rec problem text "$1"; }
        # Time limits for commands that may hang, empty where the host has no timeout program: $t10 COMMAND...
        t5=; t10=; t20=; t50=; t90=
        if have timeout && timeout 1 true 2>/dev/null; then
            t5='timeout 5'; t10='timeout 10'; t20='timeout 20'; t50='timeout 50'; t90='timeout 90'
        fi
        now() { date +%s.%N; }
        # The whole survey has a limit of its own, below that of the connection: what is left out is said.
        budget=100; began=$(date +%s)
        over_budget() { # WHAT
            if [ $(($(date +%s) - began)) -lt "$budget" ]; then return 1; fi
            problem "the survey's limit of $budget s was reached before it could read $1"
        }
        """#

    /// Becoming root and the PostgreSQL user.
    static let accounts = #"""
        uid=$(id -u)
        use_sudo=yes
        can_root=no
        find_accounts() {
            if [ "$uid" = 0 ]; then can_root=yes; return; fi
            if [ "$use_sudo" = no ]; then problem 'the inventory says sudo: never and the login user is not root'; return; fi
            if ! have sudo; then problem 'sudo is not installed and the login user is not root'; return; fi
            if said=$($t10 sudo -n true 2>&1); then can_root=yes
            else problem "sudo -n true: $said"; fi
        }
        asroot() {
            if [ "$uid" = 0 ]; then "$@"
            elif [ $can_root = yes ]; then sudo -n "$@"
            else "$@"; fi
        }
        # One short look as root, with a limit.
        ask() { asroot $t5 "$@"; }
        # as USER COMMAND...
        as() {
            user=$1; shift
            if [ "$(id -un)" = "$user" ]; then "$@"
            elif [ "$uid" != 0 ]; then
                if [ "$use_sudo" = no ]; then return 126; fi
                sudo -n -u "$user" "$@"
            elif have runuser; then runuser -u "$user" -- "$@"
            elif have sudo; then sudo -n -u "$user" "$@"
            else su -s /bin/sh -c 'exec "$0" "$@"' -- "$user" "$@"; fi
        }
        """#

    static let system = #"""
        survey_system() {
            can_pg=no
            if $t10 id "$osuser" >/dev/null 2>&1; then
                pguid=$($t10 id -u "$osuser")
                if as "$osuser" true >/dev/null 2>&1; then can_pg=yes; fi
            else pguid=none; fi
            init=$(cat /proc/1/comm 2>/dev/null)
            if [ -d /run/systemd/system ]; then init=systemd; fi
            virt=; if [ "$init" = systemd ]; then virt=$($t5 systemd-detect-virt -c 2>/dev/null); fi
            survey_time_keeping
            libc=$(getconf GNU_LIBC_VERSION 2>/dev/null || ldd --version 2>&1 | head -n 2 | tr '\n' ' ')
            locale_list=$($t5 locale -a 2>/dev/null) || problem 'locale -a told nothing'
            rec system hostname "$(uname -n)" machineID "$(cat /etc/machine-id 2>/dev/null)" \
                architecture "$(uname -m)" kernel "$(uname -r)" \
                osRelease "$(cat /etc/os-release 2>/dev/null || cat /usr/lib/os-release 2>/dev/null)" \
                libc "$libc" locales "$locale_list" \
                cpus "$(getconf _NPROCESSORS_ONLN 2>/dev/null || nproc 2>/dev/null)" \
                memoryKB "$(awk '$1=="MemTotal:"{print $2}' /proc/meminfo 2>/dev/null)" \
                synchronised "$sync" container "$virt" loginUser "$(id -un)" canBecomeRoot $can_root \
                canBecomePostgres $can_pg postgresUID "$pguid" init "$init"
        }
        """#

    /// Not by timedatectl: that starts a service, for which systemd makes directories.
    static let timeKeeping = #"""
        survey_time_keeping() {
            sync=
            if [ -e /run/systemd/timesync/synchronized ]; then sync=yes; fi
            if [ -z "$sync" ] && have chronyc; then
                case $($t5 chronyc -n tracking 2>/dev/null) in *'Leap status'*': Normal'*) sync=yes ;; esac
            fi
            if [ -z "$sync" ] && have ntpq; then
                case $($t5 ntpq -n -c 'rv 0 leap' 2>/dev/null) in *leap_none*|*leap=00*) sync=yes ;; esac
            fi
            if [ -z "$sync" ] && have ntpctl; then
                case $($t5 ntpctl -s status 2>/dev/null) in *'clock synced'*) sync=yes ;; esac
            fi
            # The first three would have said so; of others it is not known.
            if [ -z "$sync" ] && have pidof && ! pidof ptp4l phc2sys vmtoolsd ntpd >/dev/null; then sync=no; fi
        }
        """#

    static let main = #"""
        survey() {
            osuser=postgres; target=; bindir=; locales=
            printf '[\n'
            rec begin clock "$(now)"
            set_scalars "$@"
            if [ -z "$t5" ]; then problem 'there is no timeout program, so a command that hangs would hang the survey'; fi
            # The ways to other hosts take seconds of waiting: they are tried beside the rest, and told behind it,
            # through the pipe's own buffer. Nothing else may read from it.
            survey_network "$@" | {
                exec 4<&0 </dev/null
                survey_host "$@"
                cat <&4
                survey_wal
            }
            printf '{"is":"end","clock":"%s"}\n]\n' "$(now)"
        }
        survey_host() {
            find_accounts
            survey_system
            survey_kernel
            find_servers
            survey_installations
            survey_servers
            survey_targets "$@"
            survey_named_files "$@"
            survey_rivals
            survey_software
            survey_jobs
            survey_links "$@"
            survey_etcd "$@"
            survey_pgbackrest "$@"
            over_budget 'the order of words' || survey_collation $locales
        }
        set_scalars() {
            while [ $# -gt 1 ]; do
                case $1 in
                    --user) osuser=$2 ;;
                    --bin) bindir=$2 ;;
                    --sudo) use_sudo=$2 ;;
                    --budget) budget=$2 ;;
                    --locale) case $2 in *[!A-Za-z0-9_.@-]*) ;; *) locales="$locales $2" ;; esac ;;
                esac
                shift 2
            done
        }
        printf '\npgadopt-survey-begin\n'
        survey "$@" </dev/null 2>/dev/null
        printf 'pgadopt-survey-end\n'
        exit 0
        """#
}
