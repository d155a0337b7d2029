import Configuration
import Inventory
import Planning
import PostgresModel
import Shell

/// The shell side of a copy. The work directory holds `created` (what is ours to empty), `existed` (which of that was
/// there before, with mode and owner), `parents` (made for it), `run` (the program), `pid` (process and its start),
/// `log` and `exit`; and what ``CopyPacer``, ``CopyGuard`` and ``CatchUp`` say of
/// themselves.
struct BaseBackupScript {
    var change: BaseBackupChange

    var applicationName: String { "pgadopt build \(change.member)" }
    private var work: String { quoted(change.workDirectory) }

    /// As root: directories that are empty or ours, owned by the PostgreSQL OS user.
    var prepare: String {
        let directories = change.directories.map(quoted).joined(separator: " ")
        return StepContext.flush + """
            set -eu; umask 022
            w=\(work); o=\(quoted(change.osUser)); g=$(id -gn "$o")
            mkdir -p "$(dirname "$w")"
            if ! [ -d "$w" ]; then mkdir -m 700 "$w"; chown "$o:$g" "$w"; fi
            touch "$w/created" "$w/existed"
            ours() { grep -Fxq -- "$1" "$w/created"; }
            for d in \(directories); do
                if [ -e "$d" ] && [ -n "$(ls -A -- "$d")" ] && ! ours "$d"; then
                    echo "$d is not empty; nothing was changed in it" >&2; exit 1
                fi
            done
            for d in \(directories); do
                if ! ours "$d"; then
                    if [ -d "$d" ]; then printf '%s %s\\n' "$(stat -L -c '%a %u:%g' -- "$d")" "$d" >> "$w/existed"; fi
                    printf '%s\\n' "$d" >> "$w/created"
                fi
                p=$(dirname "$d"); n=$p; missing=
                while ! [ -d "$n" ]; do
                    missing="$n"; printf '%s\\n' "$n" >> "$w/parents"; n=$(dirname "$n")
                done
                if [ -n "$missing" ]; then mkdir -p "$p"; chown -R "$o:$g" "$missing"; fi
                if ! [ -d "$d" ]; then mkdir "$d"; fi
                chmod 700 "$d"; chown "$o:$g" "$d"
            done
            rm -f -- "$w/exit" "$w/pid" "$w/log" "$w/copy" "$w/rate" "$w/seen" "$w/source" \\
                "$w/budget" "$w/guarding"
            rm -rf -- "$w/catch-up" "$w/wal"
            flush "$w"
            """
    }

    /// As the OS user: the program from standard input, then itself in a new session.
    func launch(_ source: CopySource) -> String {
        """
        set -eu; umask 077
        w=\(work)
        echo \(quoted(source.host)) > "$w/source"
        cat > "$w/run"
        cd /
        setsid sh "$w/run" </dev/null >/dev/null 2>&1 &
        i=0
        while ! [ -e "$w/pid" ] && [ $i -lt 50 ]; do i=$((i + 1)); sleep 0.1; done
        """
    }

    /// - Parameter primary: whose WAL the copy's slot keeps.
    func program(_ source: CopySource, primary: CopySource) -> String {
        StepContext.flush + """
        w=\(work)
        started() { read -r s < "/proc/$1/stat"; set -- ${s##*) }; shift 19; echo "$1"; }
        echo "$$ $(started $$)" > "$w/pid.new"; mv "$w/pid.new" "$w/pid"
        \(making(source, primary: primary))
        code=$?
        # A guard that has ended the copy drops the slot first.
        if [ -e "$w/guarding" ]; then wait $g; elif [ -n "${g:-}" ]; then kill $g 2>/dev/null; fi
        # The copy itself is on the disk: its program has seen to that.
        flush "$w"
        echo $code > "$w/exit.new"; mv "$w/exit.new" "$w/exit"

        """
    }

    /// Leaves its exit code in the last command.
    private func making(_ source: CopySource, primary: CopySource) -> String {
        if let restore = change.restore { return self.restore(restore) }
        return """
            LC_ALL=C PGPASSFILE=\(quoted(change.passfile)) \(command(source)) > "$w/log" 2>&1 &
            c=$!
            echo "$c $(started $c 2>/dev/null)" > "$w/copy.new"; mv "$w/copy.new" "$w/copy"
            \(CopyGuard(change: change, connection: connection(to: primary)).loop)
            \(CopyPacer.walLoop)
            \(CopyPacer.loop)
            wait $c
            """
    }

    /// The program that makes the copy, for messages.
    var programName: String { change.restore == nil ? "pg_basebackup" : "pgbackrest" }

    func connection(to source: CopySource) -> ConnectionInfo {
        var info = ConnectionInfo()
        info["host"] = source.address
        info["port"] = String(source.port)
        info["user"] = change.role
        info["passfile"] = change.passfile
        info["application_name"] = applicationName
        info["sslmode"] = "prefer"
        // A standby that is copied is reached itself: only the primary listens on its own host alone.
        let relay = source.host == change.sourceHost ? change.relay : nil
        for (keyword, value) in relay?.settings ?? [] { info[keyword] = value }
        // A cut link must end the copy in minutes, not hours.
        info["keepalives_idle"] = "30"
        info["tcp_user_timeout"] = "60000"
        return info
    }

    private func command(_ source: CopySource) -> String {
        var words = [
            "\(change.binDirectory)/pg_basebackup", "-D", change.dataDirectory, "-d",
            connection(to: source).description, "-w", "-X", "stream", "-c", change.checkpoint.rawValue, "-v",
        ]
        // A standby keeps the copy's WAL by a temporary slot of pg_basebackup's own.
        if source.host == change.sourceHost { words += ["-S", change.slot] }
        if let method = change.compression { words.append("--compress=server-\(method.rawValue)") }
        if let directory = change.walDirectory { words.append("--waldir=\(directory)") }
        // pg_basebackup takes kilobytes, 32 kB to 1 GB a second.
        if let rate = change.maxRate { words += ["-r", String(min(1_048_576, max(32, rate / 1024)))] }
        return commandLine(words)
    }

    /// As root: what ``CopyGuard`` is to keep to.
    func give(budget: ByteCount) -> String {
        "w=\(work); umask 022; echo \(budget.rawValue) > \"$w/budget.new\" && mv -f \"$w/budget.new\" \"$w/budget\""
    }

    /// As root: what ``CopyPacer`` is to do from now on.
    func give(_ order: CopyPace.Order) -> String {
        let word =
            switch order {
            case .free: "free"
            case .hold: "hold"
            case .rate(let rate): String(rate)
            }
        return "w=\(work); umask 022; echo \(word) > \"$w/rate.new\" && mv -f \"$w/rate.new\" \"$w/rate\""
    }

    /// As root: how fast the copy's WAL may come, in bytes a second.
    func give(walRate: Int64) -> String {
        "w=\(work)/wal; umask 022; if [ -d \"$w\" ]; then echo \(walRate) > \"$w/rate.new\" && mv -f \"$w/rate.new\" \"$w/rate\"; fi"
    }

    /// `none`, `running SOURCE BUSY WAITING`, or `ended CODE SOURCE` and the end of the log.
    var status: String {
        """
        w=\(work)
        source=-; { read -r source < "$w/source"; } 2>/dev/null
        if [ -e "$w/exit" ]; then
            echo "ended $(cat "$w/exit") $source"; tail -n 5 "$w/log" 2>/dev/null
        elif [ -e "$w/pid" ]; then
            read -r pid ticks < "$w/pid"
            s=; { read -r s < "/proc/$pid/stat"; } 2>/dev/null
            if [ -n "$s" ]; then
                state=${s##*) }; state=${state%% *}
                set -- ${s##*) }; shift 19
                if [ "$1" = "$ticks" ] && [ "$state" != Z ]; then
                    busy=; waiting=; { read -r busy waiting < "$w/seen"; } 2>/dev/null
                    echo "running $source ${busy:-0} ${waiting:-0}"; exit 0
                fi
            fi
            echo "ended -1 $source"; echo "the copy was ended from outside, or the host was restarted"
            tail -n 3 "$w/log" 2>/dev/null
        elif [ -e "$w/created" ] && [ -e "$w/run" ]; then
            echo "ended -1 $source"; echo "the copy was not started"
        else
            echo none
        fi
        """
    }

    /// Ends a running copy: the group of its session, and a receiver that has outlived it. Whoever is stopped hears a
    /// signal only when it is continued.
    var stop: String {
        """
        w=\(work); some=
        for f in pid copy; do
            if ! [ -e "$w/$f" ] || [ -e "$w/exit" ]; then continue; fi
            read -r pid ticks < "$w/$f"
            s=; { read -r s < "/proc/$pid/stat"; } 2>/dev/null
            if [ -z "$s" ]; then continue; fi
            set -- ${s##*) }; shift 19
            if [ "$1" != "$ticks" ]; then continue; fi
            if [ $f = pid ]; then pid="-$pid"; fi
            kill -TERM "$pid" 2>/dev/null || :
            kill -CONT "$pid" 2>/dev/null || :
            some=1
        done
        if [ -n "$some" ]; then sleep 1; fi
        """
    }

    /// Empties the directories that `created` names, and nothing while a server runs in them. Those that were there
    /// before stay, as they were; the others go, and the parents that were missing, deepest first, where nobody has put
    /// anything else there.
    var discard: String {
        """
        set -eu
        w=\(work)
        [ -e "$w/created" ] || exit 0
        while IFS= read -r d; do
            if [ -e "$d/postmaster.pid" ] && kill -0 "$(head -n 1 "$d/postmaster.pid")" 2>/dev/null; then
                echo "a server runs in $d" >&2; exit 1
            fi
        done < "$w/created"
        existed() { [ -e "$w/existed" ] && cut -d ' ' -f 3- "$w/existed" | grep -Fxq -- "$1"; }
        while IFS= read -r d; do
            case $d in /?*) [ -d "$d" ] || continue ;; *) continue ;; esac
            find "$d/" -mindepth 1 -delete
            existed "$d" || rmdir -- "$d" 2>/dev/null || :
        done < "$w/created"
        if [ -e "$w/existed" ]; then
            while IFS= read -r line; do
                d=${line#* * }; owner=${line#* }
                if [ -d "$d" ]; then chown "${owner%% *}" "$d"; chmod "${line%% *}" "$d"; fi
            done < "$w/existed"
        fi
        if [ -e "$w/parents" ]; then
            while IFS= read -r d; do rmdir -- "$d" 2>/dev/null || :; done < "$w/parents"
        fi
        rm -f -- "$w/created" "$w/existed" "$w/parents" "$w/pid" "$w/exit" "$w/run" "$w/copy" "$w/rate" "$w/seen" \\
            "$w/source" "$w/budget" "$w/guarding"
        rm -rf -- "$w/catch-up" "$w/wal"
        """
    }
}
