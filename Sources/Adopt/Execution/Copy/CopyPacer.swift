import Shell

/// Keeps a running pg_basebackup at a rate, on the target, as part of the program that runs it.
///
/// pg_basebackup's own --max-rate is fixed at its start. Its receiving process, though, may be stopped (SIGSTOP) and
/// continued: the sender then waits for room in the connection, in a plain write without a time limit
/// (wal_sender_timeout holds for streaming, not for BASE_BACKUP). The WAL of the copy is streamed by a process of its
/// own on a connection of its own, which is only stopped for milliseconds. So the loop lets the receiver run in slices of milliseconds,
/// looks at what it has written (/proc/PID/io), and stops it until that is due. pg_basebackup's own limit works in
/// slices of 125 ms; these are shorter.
///
/// Files in the work directory: `copy`, the receiver and its start; `rate`, the order: bytes a second, `free`,
/// `hold`, or `end` (of the pacing); `seen`, how often the receiver was met at work and how often waiting for data. An order holds until there is
/// another, also when nobody is left to give one; only `hold` ends by itself, after twenty seconds.
enum CopyPacer {
    /// The process that streams the WAL: a spread checkpoint takes minutes, and all that was written in them comes at
    /// once when the copy begins. Expects `$w` and `$c` as ``loop`` does, and keeps its own files in `$w/wal`.
    static let walLoop = """
        mkdir -p "$w/wal"
        (
        w="$w/wal"; r=$c; c=
        while [ -z "$c" ] && kill -0 $r 2>/dev/null; do
            sleep 0.1
            { read -r c others < "/proc/$r/task/$r/children"; } 2>/dev/null
        done
        if [ -z "$c" ]; then exit 0; fi
        \(loop)
        ) &

        """

    /// Expects `$w`, the work directory, and `$c`, the receiver; ends when the receiver has.
    static let loop = """
        nap() { case $1 in ?) sleep "0.00$1" ;; ??) sleep "0.0$1" ;; *) sleep "0.$1" ;; esac; }
        freeze() { if [ $frozen = 0 ]; then kill -STOP $c; frozen=1; fi; }
        thaw() { if [ $frozen = 1 ]; then kill -CONT $c; frozen=0; fi; }
        frozen=0; busy=0; waiting=0; rate=free; base=; held=; slice=3
        trap 'kill -CONT $c 2>/dev/null' EXIT
        # A guard that ends the copy is waited for.
        trap '[ -e "$w/guarding" ] || exit 1' HUP INT TERM
        while { read -r s < "/proc/$c/stat"; } 2>/dev/null; do
            s=${s##*) }; s=${s%% *}
            case $s in
            Z) break ;;
            D|R) busy=$((busy + 1)) ;;
            S) waiting=$((waiting + 1)) ;;
            esac
            echo "$busy $waiting" > "$w/seen"
            order=free
            { read -r order < "$w/rate"; } 2>/dev/null
            if [ "$order" = end ]; then break; fi
            read -r now s < /proc/uptime; now=${now%.*}${now#*.}
            if [ "$order" = hold ]; then
                if [ -z "$held" ]; then held=$now; fi
                if [ $((now - held)) -lt 2000 ]; then freeze; nap 100; continue; fi
                order=$rate
            else
                held=
            fi
            if [ "$order" = free ]; then rate=free; base=; thaw; nap 200; continue; fi
            written=
            { while read -r key value; do [ "$key" != wchar: ] || written=$value; done < "/proc/$c/io"; } 2>/dev/null
            if [ -z "$written" ]; then rate=free; thaw; nap 200; continue; fi
            if [ "$order" != "$rate" ] || [ -z "$base" ]; then rate=$order; base=$written; began=$now; fi
            early=$(((written - base) * 1000 / rate - (now - began) * 10))
            if [ $early -gt 0 ]; then
                freeze; slice=3
                if [ $early -gt 200 ]; then early=200; fi
                nap $early
            else
                # What was not used is lost: a burst later is what nobody wants.
                if [ $early -lt -200 ]; then base=$written; began=$now; fi
                thaw; nap $slice
                if [ $slice -lt 50 ]; then slice=$((slice * 2)); fi
            fi
        done
        """
}
