import Planning
import Shell

/// Tells a standby that replays its archive, for hours perhaps, from one that does nothing.
struct RecoveryWatch {
    /// Nil: there is no copy of this plan to watch.
    var dataDirectory: String?
    private var last = ""
    private var lookedAt: Duration?

    init(dataDirectory: String?) { self.dataDirectory = dataDirectory }

    /// True: another WAL file is being replayed than at the last look. The startup process tells it in its title
    /// (`startup recovering 000000010000000000000003`, PostgreSQL 9.0 and later).
    mutating func hasMoved(_ context: StepContext) async -> Bool {
        let now = context.environment.now()
        guard let dataDirectory, lookedAt.map({ now - $0 >= .seconds(5) }) ?? true else { return false }
        lookedAt = now
        let title = try? await context.run(
            "looking what is replayed",
            """
            pid=$(head -n 1 \(quoted(dataDirectory + "/postmaster.pid")) 2>/dev/null) || exit 0
            for d in /proc/[0-9]*; do
                s=; { read -r s < "$d/stat"; } 2>/dev/null || continue
                set -- ${s##*) }
                [ "${2:-}" = "$pid" ] || continue
                case "$(tr '\\000' ' ' < "$d/cmdline" 2>/dev/null)" in
                    *"startup recovering "*) tr '\\000' ' ' < "$d/cmdline" ;;
                esac
            done
            """)
        guard let title, !title.isEmpty, title != last else { return false }
        last = title
        return true
    }
}
