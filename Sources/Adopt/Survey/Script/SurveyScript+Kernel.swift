extension SurveyScript {
    /// The machine, as /proc, /sys and a few programs tell it.
    static let kernel = #"""
        first_line() { line=; { IFS= read -r line < "$1"; } 2>/dev/null; printf %s "$line"; }
        survey_kernel() {
            mem=$($t5 cat /proc/meminfo)
            wd=; wduser=
            if [ -e /dev/watchdog ]; then
                wd=$($t5 stat -L -c '%U %G %a' /dev/watchdog)
                for p in watchdog wd_keepalive watchdog-mux; do
                    if pid=$(pidof -s "$p" 2>/dev/null); then wduser=$p; fi
                done
            fi
            errors=
            if log=$(asroot $t10 dmesg 2>/dev/null); then
                errors=$(printf '%s\n' "$log" | grep -c -i -E 'i/o error|blk_update_request|medium error|uncorrect')
            fi
            removeipc=
            if [ "$init" = systemd ] && have busctl; then
                removeipc=$($t5 busctl get-property org.freedesktop.login1 /org/freedesktop/login1 \
                    org.freedesktop.login1.Manager RemoveIPC)
            fi
            selinux=
            if have getenforce; then selinux=$($t5 getenforce); fi
            machine=
            if have systemd-detect-virt; then machine=$($t5 systemd-detect-virt --vm); fi
            zone=$(first_line /usr/share/zoneinfo/tzdata.zi)
            if [ -z "$zone" ]; then zone=$(first_line /usr/share/zoneinfo/+VERSION); fi
            rec kernel bits "$(getconf LONG_BIT)" meminfo "$(printf '%s\n' "$mem" | grep -E '^(MemTotal|HugePages_|Hugepagesize)')" \
                thp "$(first_line /sys/kernel/mm/transparent_hugepage/enabled)" \
                overcommit "$(first_line /proc/sys/vm/overcommit_memory)" \
                shmmax "$(first_line /proc/sys/kernel/shmmax)" shmall "$(first_line /proc/sys/kernel/shmall)" \
                sem "$(first_line /proc/sys/kernel/sem)" devshm "$($t5 df -Pk /dev/shm)" \
                dirtybytes "$(first_line /proc/sys/vm/dirty_bytes)" dirtyratio "$(first_line /proc/sys/vm/dirty_ratio)" \
                cpu "$(first_line /proc/stat)" machine "$machine" watchdog "$wd" watchdoguser "$wduser" \
                conntrack "$(first_line /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established)" \
                ioerrors "$errors" mdstat "$($t5 cat /proc/mdstat)" selinux "$selinux" removeipc "$removeipc" zone "$zone"
        }
        """#

    /// Programs beside PostgreSQL, and everything that runs by the clock and names it.
    static let software = #"""
        survey_software() {
            for p in /proc/[0-9]*; do
                comm=
                { read -r comm < "$p/comm"; } 2>/dev/null
                case $comm in
                    pgbouncer|pgpool|odyssey|haproxy|pgcat|supavisor) kind=pooler ;;
                    postgres_export*|pgmonitor*|pgwatch*|telegraf|zabbix_agent*|nrpe|check_mk_agent|node_exporter|pmm-agent|datadog-agent|pganalyze*) kind=monitoring ;;
                    unattended-upgr*|dnf-automatic*|packagekitd) kind=updates ;;
                    *) continue ;;
                esac
                rec software kind $kind name "$comm" running yes
            done
            for f in pgbackrest barman wal-g wal-e pg_probackup pgmoneta; do
                if have "$f"; then rec software kind backup name "$f" running no; fi
            done
            if [ -e /etc/apt/apt.conf.d/20auto-upgrades ] && grep -q 'Unattended-Upgrade *"[1-9]' /etc/apt/apt.conf.d/20auto-upgrades; then
                rec software kind updates name unattended-upgrades running yes
            fi
            if [ -x /usr/sbin/needrestart ]; then rec software kind updates name needrestart running no; fi
            if [ "$init" = systemd ]; then
                rec timers text "$($t10 systemctl list-unit-files --state=enabled --no-legend --no-pager '*.timer')" \
                    running "$($t10 systemctl list-timers --no-legend --no-pager)"
                rec pgunits text "$($t10 systemctl list-unit-files --no-legend --no-pager 'postgres*' 'pgsql*' 'edb-as*')"
            fi
            for f in /etc/init.d/postgres* /etc/supervisor/conf.d/*postgres* /etc/sv/*postgres*; do
                if [ -e "$f" ]; then rec initscript path "$f"; fi
            done
            for f in /etc/pgbackrest.conf /etc/pgbackrest/pgbackrest.conf /etc/pgbackrest/conf.d/*.conf; do
                if ask test -f "$f"; then
                    rec backupconf tool pgbackrest path "$f" \
                        settings "$(ask sed -n 's/^[[:blank:]]*\([a-z0-9-]*\)[[:blank:]]*=.*/\1/p' -- "$f" | tr '\n' ' ')"
                fi
            done
        }
        # Lines that name PostgreSQL, its programs or its files; comments left out. One command, as root, because
        # users' crontabs are not for everybody; a line is a letter and a value in hexadecimal.
        jobs_program='
            hex() { od -An -v -tx1 | tr -d " \n"; }
            words="postgres|psql|pg_|vacuumdb|reindexdb|barman|wal-g|pgbackrest|pgsql|repmgr"
            for f in /etc/crontab /etc/cron.d/* /var/spool/cron/crontabs/* /var/spool/cron/* \
                /etc/cron.hourly/* /etc/cron.daily/* /etc/cron.weekly/* /etc/cron.monthly/*; do
                if ! [ -f "$f" ]; then continue; fi
                lines=$(head -c 200000 -- "$f" | grep -v "^[[:blank:]]*#" | grep -i -E "$words" | head -n 20)
                if [ -n "$lines" ]; then
                    printf "F "; printf %s "$f" | hex; printf "\nT "; printf %s "$lines" | hex; printf "\n"
                fi
            done'
        survey_jobs() {
            rec_open jobs
            printf ',"lines":{"hex":"'; asroot $t10 /bin/sh -c "$jobs_program" | hex; printf '"}'
            rec_close
        }
        """#

    /// Addresses, names and the quality of the way to the other hosts.
    static let links = #"""
        survey_links() {
            rec addresses text "$($t5 ip -o addr show scope global 2>/dev/null || $t5 hostname -I)"
            for i in /sys/class/net/*; do
                [ -e "$i" ] || continue
                n=${i##*/}
                if [ "$n" = lo ] || [ "$(first_line "$i/operstate")" = down ]; then continue; fi
                rec interface name "$n" mtu "$(first_line "$i/mtu")" speed "$(first_line "$i/speed")"
            done
            while [ $# -gt 1 ]; do
                case $1 in
                    --name) rec resolved name "$2" text "$($t5 getent ahosts "$2")" ;;
                    --peer) rec route peer "$2" text "$($t5 ip -o route get "$2" 2>/dev/null)" ;;
                esac
                shift 2
            done
        }
        digest_of_input() {
            if have sha256sum; then sha256sum | cut -c 1-64; else openssl dgst -sha256 -r | cut -c 1-64; fi
        }
        # Ten small packets, then one of full size that nobody may split.
        echo_requests() { # PEER
            small=$(timeout 6 ping -n -q -c 10 -i 0.2 -W 1 "$1" 2>&1)
            case $small in *' 0 received'*|*'packets transmitted'*) ;; *) return ;; esac
            full=$(timeout 3 ping -n -q -c 2 -i 0.2 -W 1 -M do -s 1472 "$1" 2>&1)
            printf '%s' "$(rec echo peer "$1" small "$small" full "$full")$nl"
        }
        """#

    /// The order in which the host sorts words: the hash of a fixed list, sorted under each locale in question.
    static let collation = #"""
        probe_words() {
            for a in '' a A b B aa ab AB 'a b' a-b a_b "a'b" 'a"b' a.b a/b 'a$b' 1 01 10 2 é É e E ß ss ẞ œ oe æ ä Ä ae å Å ø ö ñ n \
                ç c ł l ž z ð þ ı i İ I ĳ ij ά α Α ς σ Σ я Я ё Ё е א ا あ ア 亜 漢 ｶ 가 กา ไก 🙂 '(' ')' '-' '--' ' ' '#' ';' , ! '?'; do
                for b in '' a Z 9 é ß ' x' -x _x .x "'" ä я 漢 ǆ ch CH ll '1a' 'a1' 'A1' '10' '2' ' ' '!' ; do
                    printf '%s%s\n' "$a" "$b"
                done
            done
        }
        survey_collation() {
            if ! have sort; then return; fi
            words=$(probe_words)
            for l in C "$@"; do
                rec collation locale "$l" digest "$(printf '%s\n' "$words" | LC_ALL=$l $t10 sort | digest_of_input)"
            done
        }
        """#
}
