@testable import Execution
import Shell
import Testing

/// With a program that is called like a wal receiver, below one that is called by a postmaster.pid.
@Suite(.serialized) struct CatchUpTests {
    private static let megabyte = 1_048_576.0

    /// `$c` is the receiver, `$w` the work directory, `$l` the program that slows it down.
    private func run(_ text: String) async throws -> [Double] {
        let world = try World()
        let work = world.root + "/catch-up"
        let script = """
            written() { while read -r k v; do [ "$k" != wchar: ] || echo "$v"; done < "/proc/$c/io"; }
            state() { read -r s < "/proc/$c/stat"; s=${s##*) }; echo "${s%% *}"; }
            w=\(quoted(work))
            mkdir -p \(quoted(world.root + "/data"))
            cat > "$w.program"
            \(CatchUp.launch(work: work, rate: 32 << 20).replacing("cat > \"$w/run\"", with: "cp \"$w.program\" \"$w/run\""))
            set +eu
            sleep 0.5
            bash -c 'echo $$ > "$0.new"; mv "$0.new" "$0"
                (exec -a "postgres: 15/main: walreceiver streaming 0/5000000" dd if=/dev/zero of=/dev/null bs=256) &
                wait' \(quoted(world.root + "/data/postmaster.pid")) 2>/dev/null &
            i=0; while ! [ -e "$w/receiver" ] && [ $i -lt 100 ]; do sleep 0.05; i=$((i + 1)); done
            read -r c < "$w/receiver"
            \(text)
            kill -9 $c
            """
        let result = try await RootedShell("h2", root: world.root).run(
            script, as: .root,
            standardInput: Array(CatchUp.program(work: work, dataDirectory: world.root + "/data").utf8))
        #expect(result.succeeded, "\(result.errorOutput)")
        return result.output.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
    }

    @Test func `A new standby's wal receiver is slowed down until it is told to go on`() async throws {
        let numbers = try await run(
            "sleep 0.5; written; sleep 2; written; echo end > \"$w/rate\"; sleep 0.5; written; sleep 1; written; "
                + "pgrep -cf \"$w/run\" || true")
        try #require(numbers.count == 5)
        #expect((20...50).contains((numbers[1] - numbers[0]) / 2 / Self.megabyte), "\(numbers)")
        #expect((numbers[3] - numbers[2]) / Self.megabyte > 60, "\(numbers)")
        #expect(numbers[4] == 0, "the program has not ended")
    }

    @Test func `When the program is killed in a pause, its receiver goes on`() async throws {
        let numbers = try await run(
            """
            echo 1000 > "$w/rate"
            i=0; while [ "$(state)" != T ] && [ $i -lt 100 ]; do sleep 0.02; i=$((i + 1)); done
            [ "$(state)" = T ] && echo 1 || echo 0
            pkill -TERM -f "$w/run"; sleep 0.5
            [ "$(state)" = T ] && echo 1 || echo 0
            """)
        #expect(numbers == [1, 0])
    }
}
