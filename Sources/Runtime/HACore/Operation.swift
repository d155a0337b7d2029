import Timekeeping

/// The one long task the agent may have under way.
public enum OperationObservation: Equatable, Sendable {
    case idle
    case running(Operation, since: BootInstant)
    /// Ended since the last decision; shown to exactly one decision.
    case finished(Operation, OperationResult)
}

/// Work that takes longer than a decision may. Each stops the server first where it must be down, and leaves it
/// stopped unless it says otherwise; the next decision goes on from there.
public enum Operation: Equatable, Sendable {
    case start(StartMode)
    case stop(StopMode)
    case promote
    case demote(DemoteMode)
    /// pg_rewind; afterwards there is a standby signal file.
    case rewind(from: Upstream)
    /// A base backup into a fresh directory; what was there is moved aside. Afterwards there is a standby signal file.
    case clone(from: Upstream)
    /// As asked for by a person: stop at once, then as `clone`.
    case reinitialise(from: Upstream)
    /// Stop and start in the role it has; done when it accepts connections again.
    case restart(RestartCause)
    /// Make a new cluster in the empty directory (initdb or the configured method), start it as a primary, and run
    /// the post-bootstrap script. When it fails, the directory is moved aside and the server is stopped.
    case bootstrap
}

/// Who wanted a restart.
public enum RestartCause: Equatable, Sendable {
    /// Asked for now; `timeout` as in the request.
    case asked(timeout: Duration?)
    case scheduled(timeout: Duration?)

    public var timeout: Duration? {
        switch self {
        case .asked(let timeout), .scheduled(let timeout): timeout
        }
    }
}

public enum StartMode: Equatable, Sendable {
    case primary
    /// Nil: the upstream stays as it is configured, if one is (nobody leads).
    case standby(Upstream?)
}

public enum StopMode: String, Equatable, Sendable { case fast, immediate }

public enum DemoteMode: Equatable, Sendable {
    /// The lock is gone or cannot be kept: stop at once.
    case immediate
    /// A switchover: checkpoint, then fast stop, which waits until the streaming standbys have everything. The
    /// lock is handed over by the next decision.
    case switchover(candidate: String?)
    /// The store is out of reach: fast stop before the lease ends, keep the directory as it is.
    case offline
    /// The cluster becomes a standby cluster: fast stop; it is started as a standby of the remote server next.
    case standbyCluster
}

public enum OperationResult: Equatable, Sendable {
    case done
    case failed(String)
    /// Another member could not be reached, and nothing was changed here: to be tried again, and no reason to take
    /// another way.
    case unavailable(String)
}

