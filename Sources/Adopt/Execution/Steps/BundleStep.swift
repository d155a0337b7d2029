import Planning
import Shell

/// Unpacks the agent's programs beside the old ones and swaps them; a running agent keeps its open files.
struct BundleStep: Step {
    var change: BundleChange

    private var mark: String { "\(change.directory)/bundle.sha256" }

    func isDone(_ context: StepContext) async throws -> Bool {
        let result = try await context.tryRun(
            "cat -- \(quoted(mark)) 2>/dev/null && test -x \(quoted(change.directory + "/bin/pgadopt-agent"))")
        return result.succeeded && result.output.hasPrefix(change.digest)
    }

    func apply(_ context: StepContext) async throws {
        let archive: [UInt8]
        do {
            archive = try context.environment.readFile(change.archive)
        } catch {
            throw ExecutionError(.localFile, "the bundle \(change.archive) cannot be read: \(error)")
        }
        guard sha256(archive) == change.digest else {
            throw ExecutionError(
                .drift, "the bundle \(change.archive) is not the one of the plan", remedy: "Make a new plan with it.")
        }
        try await context.willMake("directory", change.directory)
        try await context.run(
            "installing the agent",
            StepContext.flush + """
            set -eu; umask 022
            d=\(quoted(change.directory)); n="$d.new.$$"
            # What an installation that was cut off has left; another cluster's may be under way.
            for o in "$d".new.* "$d".old.*; do
                if [ -d "$o" ] && ! kill -0 "${o##*.}" 2>/dev/null; then rm -rf -- "$o"; fi
            done
            trap 'exit 129' HUP TERM
            trap 'rm -rf -- "$n"' EXIT
            mkdir -p "$n"
            cat > "$n/bundle.tar.gz"
            [ "$(sha256sum < "$n/bundle.tar.gz" | cut -c 1-64)" = \(change.digest) ] ||
                { echo "the upload is damaged" >&2; exit 1; }
            nice -n 19 tar -C "$n" -xzf "$n/bundle.tar.gz" --no-same-owner
            rm -f -- "$n/bundle.tar.gz"
            if ! [ -d "$n/bin" ]; then
                for top in "$n"/*; do [ -d "$top/bin" ] && mv -- "$top"/* "$n"/ && rmdir -- "$top" && break; done
            fi
            test -x "$n/bin/pgadopt-agent"
            printf '%s\\n' \(change.digest) > "$n/bundle.sha256"
            flush "$n"
            if [ -d "$d" ]; then mv -T -- "$d" "$d.old.$$"; fi
            mv -T -- "$n" "$d"
            rm -rf -- "$d.old.$$"
            trap - EXIT
            """,
            standardInput: archive, deadline: .seconds(600))
    }

    /// Other clusters on the host may use it: it goes only when no agent's configuration is left.
    func undo(_ context: StepContext) async throws {
        guard await context.made("directory").contains(change.directory) else { return }
        try await context.run(
            "removing the agent",
            """
            d=\(quoted(change.directory))
            for o in "$d".new.* "$d".old.*; do
                if [ -d "$o" ] && ! kill -0 "${o##*.}" 2>/dev/null; then rm -rf -- "$o"; fi
            done
            for f in /etc/pgadopt/*.yml; do if [ -e "$f" ]; then exit 0; fi; done
            rm -rf -- "$d"
            """)
    }
}
