import CLibSSH2

/// Opening and closing channels.
extension Connection {
    /// Opens a channel; counts it against the limit until ``release(_:)``.
    func openChannel(
        until deadline: Instant, _ call: @escaping (OpaquePointer) -> OpaquePointer?
    ) async throws -> OpaquePointer {
        while channelsInUse >= options.channelLimit || opening {
            guard case .ready = state else { throw failure(.closed, "the connection to \(place) is closed.") }
            try await activity(until: deadline)
        }
        guard case .ready = state, let session else { throw failure(.closed, "the connection to \(place) is closed.") }
        channelsInUse += 1
        opening = true
        do {
            let channel = try await finishOpening(session, until: deadline, call)
            opening = false
            signal()
            return channel
        } catch let error as SSHError {
            opening = false
            channelsInUse -= 1
            signal()
            throw error
        } catch {
            // libssh2 holds a half-open channel in the session: it must be brought to its end before the next one.
            Task {
                if let channel = try? await finishOpening(session, until: .now + .seconds(60), call) {
                    opening = false
                    await discard(channel)
                } else {
                    if session.transport.ended == nil { end(fault(.closed, "\(place) did not answer a channel request.")) }
                    opening = false
                    channelsInUse -= 1
                }
                signal()
            }
            throw error
        }
    }

    private func finishOpening(
        _ session: Session, until deadline: Instant, _ call: (OpaquePointer) -> OpaquePointer?
    ) async throws -> OpaquePointer {
        while true {
            if let channel = call(session.raw) { return channel }
            let code = libssh2_session_last_errno(session.raw)
            if code != LIBSSH2_ERROR_EAGAIN {
                throw failure(.channel, """
                    sshd on \(target.host) refused to open a channel: \(session.lastError). \
                    MaxSessions or AllowTcpForwarding in its sshd_config do this.
                    """)
            }
            try await activity(until: deadline)
        }
    }

    /// Closes a channel without waiting for it here.
    func release(_ channel: OpaquePointer) { Task { await discard(channel) } }

    /// Frees a channel, telling the server; a server that never confirms costs the connection.
    private func discard(_ channel: OpaquePointer) async {
        do {
            _ = try await retry(until: .now + .seconds(60)) { libssh2_channel_free(channel) }
        } catch {
            end(fault(.closed, "\(place) did not confirm the end of a channel."))
        }
        channelsInUse -= 1
        signal()
    }
}
