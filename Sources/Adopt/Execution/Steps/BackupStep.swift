import Planning
import Shell

/// Copies of configuration files with their owner, mode and times, and a list with digests.
struct BackupStep: Step {
    var change: BackupChange

    func isDone(_ context: StepContext) async throws -> Bool {
        try await context.tryRun("test -e \(quoted(change.directory + "/complete"))").succeeded
    }

    /// A copy that exists is never overwritten: it shows the file before our first change.
    func apply(_ context: StepContext) async throws {
        let list = change.files.map { $0 + "\n" }.joined()
        try await context.run(
            "copying configuration files",
            StepContext.flush + """
            set -eu; umask 077
            d=\(quoted(change.directory))
            # The agent's own directory lies beside, and its user must get there.
            (umask 022; mkdir -p "$(dirname "$d")")
            mkdir -p "$d/files"
            while IFS= read -r f; do
                if ! [ -e "$f" ] || [ -e "$d/files$f" ]; then continue; fi
                mkdir -p "$d/files$(dirname "$f")"
                cp -pL -- "$f" "$d/files$f.new"
                mv -f -- "$d/files$f.new" "$d/files$f"
                printf '%s  %s\\n' "$(sha256sum < "$f" | cut -c 1-64)" "$f" >> "$d/list"
            done
            flush "$d"
            : > "$d/complete"
            flush "$d"
            """,
            standardInput: Array(list.utf8))
    }

    func undo(_ context: StepContext) async throws {}
}
