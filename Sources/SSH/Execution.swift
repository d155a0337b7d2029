import CLibSSH2
import Shell

/// What goes into a command.
struct CommandInput: Sendable {
    /// The next piece; nil: end of file. Called on the connection's thread.
    var next: @Sendable () throws -> [UInt8]?
    /// Called with the bytes handed to the connection so far.
    var progress: (@Sendable (Int) -> Void)?

    static func bytes(_ bytes: [UInt8], progress: (@Sendable (Int) -> Void)? = nil) -> (first: [UInt8], rest: CommandInput) {
        (bytes, CommandInput(next: { nil }, progress: progress))
    }
}

/// A command on its way.
private struct Execution {
    var output: MarkerFilter
    var error: MarkerFilter
    var standardOutput: [UInt8] = []
    var standardError: [UInt8] = []
    var piece: [UInt8]
    var written = 0
    var total = 0
    var inputOpen = true
}

extension Connection {
    /// What a command left, and what came before its marker lines.
    struct Outcome: Sendable {
        var result: CommandResult
        var started: Bool
        var noise: String
        var errorNoise: String
    }

    /// Runs one command to its end.
    func execute(
        _ command: CommandText, first: [UInt8], input: CommandInput, until deadline: Instant,
        onOutput: (@Sendable ([UInt8]) -> Void)?
    ) async throws -> Outcome {
        let channel = try await openChannel(until: deadline) { pg_ssh2_open_session($0) }
        defer { release(channel) }
        let code = try await retry(until: deadline) { pg_ssh2_exec(channel, command.text) }
        if code != 0 {
            throw failure(.channel, "sshd on \(target.host) refused to run a command (\(session?.lastError ?? "")).")
        }
        var run = Execution(output: MarkerFilter(command.marker), error: MarkerFilter(command.marker), piece: first)
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            var progress = try read(channel, &run, &buffer, onOutput)
            if run.inputOpen { progress = try write(channel, &run, input) || progress }
            if libssh2_channel_eof(channel) != 0 { break }
            if progress {
                await Task.yield()
                try Task.checkCancellation()
                if ContinuousClock.now >= deadline { throw DeadlinePassed() }
            } else {
                try await activity(until: deadline)
            }
        }
        // The exit status may come after end of file; closing first would lose it.
        let closed = try await retry(until: deadline) { libssh2_channel_wait_closed(channel) }
        if closed != 0 { throw failure(.closed, "the command's channel broke.") }
        let result = CommandResult(
            status: exitStatus(channel), standardOutput: run.standardOutput, standardError: run.standardError)
        return Outcome(
            result: result, started: run.output.found, noise: run.output.found ? "" : text(run.output.noise),
            errorNoise: run.error.found ? "" : text(run.error.noise))
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes.suffix(2000), as: UTF8.self) }

    private func read(
        _ channel: OpaquePointer, _ run: inout Execution, _ buffer: inout [UInt8], _ onOutput: (@Sendable ([UInt8]) -> Void)?
    ) throws -> Bool {
        var progress = false
        for stream: Int32 in [0, SSH_EXTENDED_DATA_STDERR] {
            for _ in 0..<16 {
                let count = buffer.withUnsafeMutableBytes {
                    libssh2_channel_read_ex(channel, stream, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
                }
                if count == 0 || count == Int(LIBSSH2_ERROR_EAGAIN) { break }
                if count < 0 { throw failure(.closed, "reading a command's output failed: \(session?.lastError ?? "").") }
                progress = true
                let bytes = Array(buffer[0..<count])
                if stream == 0 {
                    let own = run.output.pass(bytes)
                    run.standardOutput += own
                    if !own.isEmpty { onOutput?(own) }
                } else {
                    run.standardError += run.error.pass(bytes)
                }
                if run.standardOutput.count + run.standardError.count > options.outputLimit {
                    throw fault(.outputTooLarge, """
                        a command wrote more than \(options.outputLimit) bytes and was cut off. Limit its output, \
                        or raise the limit.
                        """)
                }
            }
        }
        return progress
    }

    private func write(_ channel: OpaquePointer, _ run: inout Execution, _ input: CommandInput) throws -> Bool {
        guard let transport = session?.transport else { return false }
        var progress = false
        while transport.outboundBacklog < 512 << 10 {
            if run.written == run.piece.count {
                guard let next = try input.next() else {
                    libssh2_channel_send_eof(channel)
                    run.inputOpen = false
                    return true
                }
                run.piece = next
                run.written = 0
                continue
            }
            let count = run.piece.withUnsafeBytes {
                libssh2_channel_write_ex(
                    channel, 0, $0.baseAddress!.assumingMemoryBound(to: CChar.self) + run.written, $0.count - run.written)
            }
            if count == 0 || count == Int(LIBSSH2_ERROR_EAGAIN) { return progress }
            if count < 0 {
                // A command may end without reading all of its input; the reading side then sees the end.
                if transport.ended != nil { throw failure(.closed, "writing a command's input failed.") }
                run.inputOpen = false
                return true
            }
            run.written += count
            run.total += count
            progress = true
            input.progress?(run.total)
        }
        // The backlog drains while the poll loop runs; it wakes whoever waits.
        return false
    }

    /// The exit code, or 128 + n for a signal as shells have it.
    private func exitStatus(_ channel: OpaquePointer) -> Int32 {
        var name: UnsafeMutablePointer<CChar>?
        libssh2_channel_get_exit_signal(channel, &name, nil, nil, nil, nil, nil)
        guard let name else { return libssh2_channel_get_exit_status(channel) }
        defer { if let session { libssh2_free(session.raw, name) } }
        // The names of RFC 4254 section 6.10, with Linux's numbers.
        let numbers: [String: Int32] = [
            "HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "ABRT": 6, "FPE": 8, "KILL": 9, "USR1": 10, "SEGV": 11,
            "USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15,
        ]
        return 128 + (numbers[String(cString: name)] ?? 0)
    }
}
