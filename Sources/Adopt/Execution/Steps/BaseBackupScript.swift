import Configuration
import Inventory
import Planning
import Shell

/// The shell side of a base backup. The work directory holds `created` (what is ours to remove), `run` (the
/// program), `pid` (process and its start), `log` and `exit`.
struct BaseBackupScript {
    var change: BaseBackupChange

    var applicationName: String { "pgadopt build \(change.member)" }
    private var work: String { quoted(change.workDirectory) }

    /// As root: directories that are empty or ours, owned by the PostgreSQL OS user.
    var prepare: String {
        let directories = change.directories.map(quoted).joined(separator: " ")
        return """
            set -eu; umask 022
            w=\(work); o=\(quoted(change.osUser)); g=$(id -gn "$o")
            mkdir -p "$(dirname "$w")"
            if ! [ -d "$w" ]; then mkdir -m 700 "$w"; chown "$o:$g" "$w"; fi
            for d in \(directories); do
                if [ -e "$d" ] && [ -n "$(ls -A -- "$d")" ]; then
                    echo "$d is not empty; nothing was changed in it" >&2; exit 1
                fi
            done
            for d in \(directories); do
                printf '%s\\n' "$d" >> "$w/created"
                p=$(dirname "$d"); n=$p; missing=
                while ! [ -d "$n" ]; do
                    missing="$n"; printf '%s\\n' "$n" >> "$w/parents"; n=$(dirname "$n")
                done
                if [ -n "$missing" ]; then mkdir -p "$p"; chown -R "$o:$g" "$missing"; fi
                if ! [ -d "$d" ]; then mkdir "$d"; fi
                chmod 700 "$d"; chown "$o:$g" "$d"
            done
            rm -f -- "$w/exit" "$w/pid" "$w/log"
            sync
            """
    }

    /// As the OS user: the program from standard input, then itself in a new session.
    var launch: String {
        """
        set -eu; umask 077
        w=\(work)
        cat > "$w/run"
        cd /
        setsid sh "$w/run" </dev/null >/dev/null 2>&1 &
        i=0
        while ! [ -e "$w/pid" ] && [ $i -lt 50 ]; do i=$((i + 1)); sleep 0.1; done
        """
    }

    var program: String {
        """
        w=\(work)
        started() { read -r s < "/proc/$1/stat"; set -- ${s##*) }; shift 19; echo "$1"; }
        echo "$$ $(started $$)" > "$w/pid.new"; mv "$w/pid.new" "$w/pid"
        LC_ALL=C PGPASSFILE=\(quoted(change.passfile)) \(command) > "$w/log" 2>&1
        code=$?
        sync
        echo $code > "$w/exit.new"; mv "$w/exit.new" "$w/exit"

        """
    }

    private var command: String {
        var info = ConnectionInfo()
        info["host"] = change.sourceAddress
        info["port"] = String(change.sourcePort)
        info["user"] = change.role
        info["passfile"] = change.passfile
        info["application_name"] = applicationName
        info["sslmode"] = "prefer"
        for (keyword, value) in change.relay?.settings ?? [] { info[keyword] = value }
        // A cut link must end the copy in minutes, not hours.
        info["keepalives_idle"] = "30"
        info["tcp_user_timeout"] = "60000"
        var words = [
            "\(change.binDirectory)/pg_basebackup", "-D", change.dataDirectory, "-d", info.description, "-w", "-X",
            "stream",
            "-S", change.slot, "-c", change.checkpoint.rawValue, "-v",
        ]
        if let directory = change.walDirectory { words.append("--waldir=\(directory)") }
        // pg_basebackup takes kilobytes, 32 kB to 1 GB a second.
        if let rate = change.maxRate { words += ["-r", String(min(1_048_576, max(32, rate / 1024)))] }
        return commandLine(words)
    }

    /// `none`, `running`, or `ended CODE` and the end of the log.
    var status: String {
        """
        w=\(work)
        if [ -e "$w/exit" ]; then
            echo "ended $(cat "$w/exit")"; tail -n 5 "$w/log" 2>/dev/null
        elif [ -e "$w/pid" ]; then
            read -r pid ticks < "$w/pid"
            s=; { read -r s < "/proc/$pid/stat"; } 2>/dev/null
            if [ -n "$s" ]; then
                state=${s##*) }; state=${state%% *}
                set -- ${s##*) }; shift 19
                if [ "$1" = "$ticks" ] && [ "$state" != Z ]; then echo running; exit 0; fi
            fi
            echo "ended -1"; echo "the copy was ended from outside, or the host was restarted"
            tail -n 3 "$w/log" 2>/dev/null
        elif [ -e "$w/created" ] && [ -e "$w/run" ]; then
            echo "ended -1"; echo "the copy was not started"
        else
            echo none
        fi
        """
    }

    /// Ends a running copy, with the group of its session.
    var stop: String {
        """
        w=\(work)
        if [ -e "$w/pid" ] && ! [ -e "$w/exit" ]; then
            read -r pid ticks < "$w/pid"
            s=; { read -r s < "/proc/$pid/stat"; } 2>/dev/null
            if [ -n "$s" ]; then
                set -- ${s##*) }; shift 19
                if [ "$1" = "$ticks" ]; then kill -TERM "-$pid" 2>/dev/null || :; sleep 1; fi
            fi
        fi
        """
    }

    /// Removes the directories that `created` names, and nothing while a server runs in them; then the parents that
    /// were missing, deepest first, where nobody has put anything else there.
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
        while IFS= read -r d; do
            case $d in /?*/?*) find "$d" -mindepth 1 -delete; rmdir "$d" 2>/dev/null || : ;; esac
        done < "$w/created"
        if [ -e "$w/parents" ]; then
            while IFS= read -r d; do rmdir -- "$d" 2>/dev/null || :; done < "$w/parents"
        fi
        rm -f -- "$w/created" "$w/parents" "$w/pid" "$w/exit" "$w/run"
        """
    }
}
