import Planning
import PostgresModel
import Shell

/// What a new standby lacks when it first connects. It replays the WAL that its copy brought before it asks for more, and
/// what the primary has written meanwhile would then come as fast as the link can: seconds that clients feel.
///
/// So its wal receiver is slowed down as the copy was (see ``CopyPacer``), by a program on the target that waits for it
/// and ends by itself: with the order `end`, or a minute after it has begun. It goes faster than the primary writes, or
/// it would never arrive. The receiver's connection survives its pauses of milliseconds (wal_sender_timeout: 60 s).
struct CatchUp {
    var copy: BaseBackupChange

    /// Bytes a second: a quarter of a link of 1 Gbit/s.
    static let least: Int64 = 32 << 20
    /// Seconds in which the receiver must appear, and for which it is slowed down.
    static let appearing = 900, slowing = 60

    /// Nil: nobody asked for the primary's clients to be spared, or there is little to copy.
    init?(of member: String, _ context: StepContext) {
        guard let copy = context.plan.copy(on: member), copy.latencyLimit != nil, copy.size >= CopyPace.smallestCopy
        else { return nil }
        self.copy = copy
    }

    /// On the target, before its server starts. Whatever fails here costs nothing but the primary's clients some moments.
    func begin(_ context: StepContext) async {
        guard let written = await walRate(context), written > 1 << 20 else { return }
        let rate = Self.rate(whileWritten: written)
        let started = try? await context.run(
            "slowing down how \(copy.member) catches up", Self.launch(work: work, rate: rate), as: .user(copy.osUser),
            standardInput: Array(Self.program(work: work, dataDirectory: copy.dataDirectory).utf8), deadline: .seconds(20))
        if started != nil { context.note("\(copy.member) will catch up with at most \(ByteCount(rate))/s") }
    }

    func end(_ context: StepContext) async {
        _ = try? await context.run(
            "ending the slow catching up", "w=\(quoted(work)); if [ -d \"$w\" ]; then echo end > \"$w/rate\"; fi")
    }

    /// Slower than the primary writes, it would never arrive.
    static func rate(whileWritten written: Int64) -> Int64 { max(least, 2 * written) }

    /// Bytes of WAL that the primary writes in a second just now.
    private func walRate(_ context: StepContext) async -> Int64? {
        let position = "SELECT (pg_current_wal_lsn() - '0/0')::bigint;"
        let output = try? await context.sql(
            position + " SELECT pg_sleep(1); " + position, on: copy.sourceHost, context.plan.primaryLocal,
            purpose: "measuring how much WAL is written")
        let numbers = output?.split(separator: "\n").compactMap { Int64($0) } ?? []
        return numbers.count == 2 ? numbers[1] - numbers[0] : nil
    }

    private var work: String { copy.workDirectory + "/catch-up" }

    /// As the OS user: the program from standard input, in a session of its own.
    static func launch(work: String, rate: Int64) -> String {
        """
        set -eu; umask 077
        w=\(quoted(work))
        rm -rf -- "$w"; mkdir -p -- "$w"
        echo \(rate) > "$w/rate"
        cat > "$w/run"
        cd /
        setsid sh "$w/run" </dev/null >/dev/null 2>&1 &
        """
    }

    static func program(work: String, dataDirectory: String) -> String {
        """
        w=\(quoted(work))
        c=; i=0
        while [ -z "$c" ] && [ $i -lt \(appearing * 20) ]; do
            i=$((i + 1)); sleep 0.05
            p=; { read -r p; } 2>/dev/null < \(quoted(dataDirectory + "/postmaster.pid")) || continue
            for child in $(cat "/proc/$p/task/$p/children" 2>/dev/null); do
                title=; { read -r title < "/proc/$child/cmdline"; } 2>/dev/null
                case $title in *"wal"*"receiver"*) c=$child ;; esac
            done
        done
        if [ -z "$c" ]; then exit 0; fi
        echo "$c" > "$w/receiver"
        trap 'kill -CONT $c 2>/dev/null' EXIT
        trap 'exit 1' HUP INT TERM
        (
        \(CopyPacer.loop)
        ) &
        l=$!; i=0
        while kill -0 $l 2>/dev/null && [ $i -lt \(slowing * 4) ]; do i=$((i + 1)); sleep 0.25; done
        kill -TERM $l 2>/dev/null
        wait $l

        """
    }
}
