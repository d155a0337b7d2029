import Planning
import Shell

/// Files on hosts: written beside their place, flushed, and moved there, so that nobody ever sees half a file.
extension StepContext {
    /// A shell function that brings files and directories to the disk, with all below them. Only these: a sync of the
    /// whole system makes the writes of its server wait, for seconds where there is much to write.
    static let flush = #"""
        flush() { find "$@" \( -type f -o -type d \) -exec sync {} + 2>/dev/null || sync; }

        """#

    /// Shell functions used by the scripts below.
    static let fileFunctions = flush + """
        set -eu
        umask 077
        # A connection that ends runs the EXIT traps below too: no half-written file stays beside its place.
        trap 'exit 129' HUP TERM
        put() { # PATH OWNER MODE: standard input becomes the file
            t="$1.pgadopt.$$"
            trap 'rm -f "$t"' EXIT
            cat > "$t"
            chown "$2:$(id -gn "$2")" "$t"
            chmod "$3" "$t"
            sync "$t" 2>/dev/null || sync
            mv -f "$t" "$1"
            trap - EXIT
            sync "$(dirname "$1")" 2>/dev/null || sync
            if command -v restorecon >/dev/null 2>&1; then restorecon "$1" || :; fi
        }
        directory() { # PATH OWNER MODE: made if missing, parents belong to root
            if ! [ -d "$1" ]; then
                (umask 022; mkdir -p "$(dirname "$1")")
                mkdir "$1"
                chown "$2:$(id -gn "$2")" "$1"
                chmod "$3" "$1"
            fi
        }
        digest() { if [ -e "$1" ]; then sha256sum < "$1" | cut -c 1-64; else echo none; fi; }

        """

    func write(_ file: FileWrite, on host: String? = nil) async throws {
        try await run(
            on: host, "writing \(file.path)",
            Self.fileFunctions + """
                (umask 022; mkdir -p "$(dirname \(quoted(file.path)))")
                put \(quoted(file.path)) \(quoted(file.owner)) \(quoted(file.mode))
                """,
            standardInput: Array(file.content.utf8))
    }

    func isWritten(_ file: FileWrite, on host: String? = nil) async throws -> Bool {
        try await digest(of: file.path, on: host) == sha256(file.content)
    }

    /// SHA-256 of a file; nil when there is none.
    func digest(of path: String, on host: String? = nil) async throws -> String? {
        let output = try await run(on: host, "reading \(path)", Self.fileFunctions + "digest \(quoted(path))")
        let word = String(output.prefix { !$0.isWhitespace })
        return word == "none" ? nil : word
    }

    func read(_ path: String, on host: String? = nil) async throws -> [UInt8] {
        let result = try await tryRun(on: host, "cat -- \(quoted(path))")
        guard result.succeeded else {
            throw ExecutionError(.commandFailed, host: host ?? self.host, "\(path) cannot be read\(result.words)")
        }
        return result.standardOutput
    }

    func remove(_ path: String, on host: String? = nil) async throws {
        try await run(on: host, "removing \(path)", "rm -f -- \(quoted(path))")
    }

    /// Carries an edit of one of the owner's files out: content of before -> content of after, owner and mode
    /// kept. Done already: nothing is written. Anything else in the file: a person has changed it, refused.
    /// - Parameter keep: where the file of before is kept.
    func apply(_ edit: FileEdit, keep: String) async throws {
        let bytes = try await read(edit.path)
        let digest = sha256(bytes)
        if digest == edit.digestAfter { return }
        let after = edit.edit.applied(to: String(decoding: bytes, as: UTF8.self))
        guard digest == edit.digestBefore, sha256(after) == edit.digestAfter else {
            throw ExecutionError(
                .drift, host: host, "\(edit.path) was edited after the plan was made",
                remedy: "Nothing was changed in it. Make a new plan.")
        }
        try await run(
            "editing \(edit.path)",
            Self.fileFunctions + """
                p=\(quoted(edit.path)); k=\(quoted(keep))
                cp -p "$p" "$k.new"; sync "$k.new" 2>/dev/null || sync; mv -f "$k.new" "$k"
                t="$p.pgadopt.$$"
                trap 'rm -f "$t"' EXIT
                cp -p "$p" "$t"
                cat > "$t"
                sync "$t" 2>/dev/null || sync
                mv -f "$t" "$p"
                trap - EXIT
                sync "$(dirname "$p")" 2>/dev/null || sync
                """,
            standardInput: Array(after.utf8))
    }

    /// Takes an edit back; a file that has been edited since keeps everything but our part.
    func undo(_ edit: FileEdit) async throws {
        let text = String(decoding: try await read(edit.path), as: UTF8.self)
        let restored = edit.edit.removed(from: text, digestBefore: edit.digestBefore)
        if restored == text { return }
        try await run(
            "restoring \(edit.path)",
            Self.fileFunctions + """
                p=\(quoted(edit.path)); t="$p.pgadopt.$$"
                trap 'rm -f "$t"' EXIT
                cp -p "$p" "$t"; cat > "$t"; sync "$t" 2>/dev/null || sync; mv -f "$t" "$p"
                trap - EXIT
                """,
            standardInput: Array(restored.utf8))
    }
}
