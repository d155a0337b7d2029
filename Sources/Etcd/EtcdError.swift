/// What went wrong in talking to etcd, and whether a write may have happened nevertheless.
///
/// Every throwing function of this module throws this type only.
public struct EtcdError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: Hashable, Sendable {
        /// No connection: refused, timed out, name unknown, TLS refused.
        case unreachable
        /// No answer in time.
        case deadlineExceeded
        /// The connection or the stream broke while the call was under way.
        case connectionLost
        /// The server answered that it cannot serve now: no leader, request timed out inside etcd, leader changed.
        case unavailable
        /// The lease has expired, was revoked or never existed.
        case leaseNotFound
        /// The revision asked for is older than what the server keeps; read again and watch from there.
        case compacted(revision: Int64)
        /// User name, password, token or client certificate were not accepted.
        case unauthenticated
        case permissionDenied
        /// The server's space quota is used up (`etcdctl alarm list`).
        case noSpace
        /// The server refused the request for another reason; it was not carried out.
        case rejected
        /// The server is behind what another server of the cluster has already told (lower raft term).
        case staleServer
        /// The server belongs to another etcd cluster than the one first met.
        case foreignCluster
        /// Bytes that are no valid answer.
        case malformedReply
        /// The client's settings cannot be used: endpoint syntax, certificate files.
        case configuration
        /// The task that waited was cancelled, or the client was closed.
        case cancelled
    }

    /// What is known about the effect of the request on the store.
    public enum Effect: String, Hashable, Sendable {
        /// Certainly not carried out.
        case none
        /// May have been carried out, or may still be: read linearizably before deciding anything.
        case unknown
    }

    public var code: Code
    public var effect: Effect
    /// The endpoint that was asked, `host:port`, nil if none was.
    public var endpoint: String?
    public var message: String

    public init(_ code: Code, effect: Effect, endpoint: String? = nil, _ message: String) {
        self.code = code
        self.effect = effect
        self.endpoint = endpoint
        self.message = message
    }

    /// True when a write may have been carried out although no answer says so.
    public var isAmbiguous: Bool { effect == .unknown }

    public var description: String {
        let place = endpoint.map { "etcd at \($0): " } ?? "etcd: "
        return place + message + (isAmbiguous ? " (the request may have been carried out)" : "")
    }

    /// Worth asking another server: this one, or the way to it, is the trouble.
    var isTroubleOfTheEndpoint: Bool {
        switch code {
        case .unreachable, .deadlineExceeded, .connectionLost, .unavailable, .staleServer, .foreignCluster,
            .malformedReply:
            true
        case .leaseNotFound, .compacted, .unauthenticated, .permissionDenied, .noSpace, .rejected, .configuration,
            .cancelled:
            false
        }
    }
}

extension EtcdError {
    /// The error for a gRPC status other than 0. Codes: https://grpc.github.io/grpc/core/md_doc_statuscodes.html;
    /// texts: etcd's api/v3rpc/rpctypes/error.go, the same from 3.4 to 3.6.
    init(status: Int, text: String, endpoint: String) {
        let code: Code
        var effect = Effect.none
        switch status {
        case 1:  // Cancelled by the server, e.g. at its shutdown.
            (code, effect) = (.connectionLost, .unknown)
        case 4:
            (code, effect) = (.deadlineExceeded, .unknown)
        case 5:
            code = text.contains("lease not found") ? .leaseNotFound : .rejected
        case 7:
            code = .permissionDenied
        case 8:
            // "too many requests" comes before the proposal; the space alarm stops it when it is applied.
            code = text.contains("space exceeded") ? .noSpace : .unavailable
        case 11:
            code = text.contains("compacted") ? .compacted(revision: 0) : .rejected
        case 3, 6, 9, 12:
            // "user name is empty" and "revision of auth store is old" call for a (new) token.
            code = Self.wantsToken(text) ? .unauthenticated : .rejected
        case 14 where text.contains("no leader"):
            code = .unavailable
        case 14:
            (code, effect) = (.unavailable, .unknown)
        case 16:
            code = .unauthenticated
        default:
            // Unknown, Aborted, Internal, DataLoss. "not a primary lessor" is sent as Unknown by old servers.
            (code, effect) = (.unavailable, .unknown)
        }
        self.init(code, effect: effect, endpoint: endpoint, text.isEmpty ? "gRPC status \(status)" : text)
    }

    private static func wantsToken(_ text: String) -> Bool {
        text.contains("user name is empty") || text.contains("auth store is old") || text.contains("invalid auth token")
    }
}
