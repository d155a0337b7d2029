import Planning
import Shell

/// Gives a running server back to its own service unit. An active unit only lacks the processes: systemd attaches
/// them. An inactive one is started with a start command that, instead of starting a server, moves the running one
/// into the unit; systemd then reads the pid file as after any start. Tried with systemd 252 and Debian's
/// `postgresql@.service` (Type=forking).
struct ServerHandback {
    var change: LegacyUnitChange
    var dataDirectory: String
    var osUser: String

    private var dropIn: String { "/run/systemd/system/\(change.unit).d/zz-pgadopt-release.conf" }
    private var script: String { "/run/pgadopt-handback-\(change.unit)" }

    func perform(_ context: StepContext) async throws {
        let output = try await context.run(
            "giving the server to \(change.unit)",
            """
            set -eu; umask 022
            u=\(quoted(change.unit)); d=\(quoted(dataDirectory)); s=\(quoted(script)); c=\(quoted(dropIn))
            [ "$(systemctl show -p LoadState --value -- "$u")" = loaded ] || { echo "unknown unit"; exit 0; }
            [ -e "$d/postmaster.pid" ] || { echo "no server"; exit 0; }
            pid=$(head -n 1 "$d/postmaster.pid")
            kill -0 "$pid" 2>/dev/null || { echo "no server"; exit 0; }
            cat > "$s"
            mkdir -p "$(dirname "$c")"
            trap 'rm -f -- "$c" "$s"; rmdir -- "$(dirname "$c")" 2>/dev/null || :; systemctl daemon-reload' EXIT
            {
                echo '[Service]'; echo ExecStartPre=; echo ExecStart=; echo "ExecStart=+/bin/sh $s $pid $u"
                echo ExecStartPost=; echo KillMode=none; echo Delegate=yes
            } > "$c"
            \(pidFile)
            systemctl daemon-reload
            if systemctl is-active --quiet -- "$u"; then sh "$s" "$pid" "$u"; else systemctl start -- "$u"; fi
            case "$(cat "/proc/$pid/cgroup")" in *"/$u"*) ;; *) echo "$u did not take process $pid" >&2; exit 1 ;; esac
            """,
            standardInput: Array(Self.mover.utf8), deadline: .seconds(90))
        if output.hasPrefix("unknown unit") {
            context.note("\(change.unit) is unknown to systemd here; the server runs on without a unit")
        }
        if output.hasPrefix("no server") {
            context.note(
                "no server runs in \(dataDirectory), so \(change.unit) has none to take over; when it shall run: "
                    + "systemctl start \(change.unit)")
        }
    }

    /// systemd deletes a unit's pid file when the unit goes inactive, and looks for the server there.
    private var pidFile: String {
        guard let path = change.pidFile else { return "" }
        return """
            f=\(quoted(path)); echo "$pid" > "$f.pgadopt"
            chown \(quoted(osUser)): "$f.pgadopt"; mv -f "$f.pgadopt" "$f"
            """
    }

    /// Moves a postmaster ($1) and its children into the unit ($2), until none is left outside: connections come
    /// and go meanwhile, and what the postmaster forks after it has moved is born inside.
    private static let mover = """
        pid=$1; unit=$2
        own() {
            echo "$pid"
            for d in /proc/[0-9]*; do
                l=; { read -r l < "$d/stat"; } 2>/dev/null || continue
                set -- ${l##*) }
                if [ "${2:-}" = "$pid" ]; then echo "${d#/proc/}"; fi
            done
        }
        i=0
        while [ $i -lt 50 ]; do
            i=$((i + 1)); left=
            for p in $(own); do
                case "$(cat "/proc/$p/cgroup" 2>/dev/null)" in ''|*"/$unit"*) ;; *) left="$left $p" ;; esac
            done
            [ -n "$left" ] || exit 0
            for p in $left; do
                busctl call --quiet org.freedesktop.systemd1 /org/freedesktop/systemd1 \\
                    org.freedesktop.systemd1.Manager AttachProcessesToUnit ssau "$unit" '' 1 "$p" 2>/dev/null || :
            done
        done
        echo "these processes stay outside of $unit: $left" >&2
        exit 1

        """
}
