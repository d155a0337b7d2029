import Glibc

/// A key the ssh-agent holds.
struct AgentKey: Equatable, Sendable {
    var blob: [UInt8]
    var comment: String
    var type: String { blob.keyType ?? "" }
}

/// Speaks to an ssh-agent (draft-miller-ssh-agent) with blocking calls bounded by a time; for the connection's own
/// thread, since libssh2 asks for signatures from inside a call.
struct AgentClient: Sendable {
    struct Failure: Error, Sendable { var text: String }

    private let descriptor: Int32
    /// For one request; a key that must be touched or confirmed takes a person's time.
    private static let requestTimeout: Int = 30

    static func withConnection<Value>(to path: String, _ body: (AgentClient) throws -> Value) throws -> Value {
        let client = try AgentClient(path: path)
        defer { close(client.descriptor) }
        return try body(client)
    }

    private init(path: String) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw Failure(text: "the agent's socket path is too long")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var limit = timeval(tv_sec: Self.requestTimeout, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        if code != 0 {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw Failure(text: "no ssh-agent at \(path): \(reason)")
        }
    }

    func keys() throws -> [AgentKey] {
        var reader = WireReader(try request([11]))  // SSH_AGENTC_REQUEST_IDENTITIES
        guard reader.byte() == 12, let count = reader.uint32() else { throw Failure(text: "the agent lists no keys") }
        var keys: [AgentKey] = []
        for _ in 0..<min(count, 1024) {
            guard let blob = reader.string(), let comment = reader.text() else { break }
            keys.append(AgentKey(blob: blob, comment: comment))
        }
        return keys
    }

    /// The bare signature, without the field that names its algorithm.
    func sign(_ data: [UInt8], with blob: [UInt8]) throws -> [UInt8] {
        var message: [UInt8] = [13]  // SSH_AGENTC_SIGN_REQUEST
        message.appendWireString(blob)
        message.appendWireString(data)
        message.appendWire(blob.keyType == "ssh-rsa" ? 4 : 0)  // SSH_AGENT_RSA_SHA2_512
        var reader = WireReader(try request(message))
        guard reader.byte() == 14, let answer = reader.string() else {
            throw Failure(text: "the agent refused to sign")
        }
        var signature = WireReader(answer)
        guard signature.string() != nil, let bare = signature.string() else {
            throw Failure(text: "the agent's signature is malformed")
        }
        return bare
    }

    private func request(_ message: [UInt8]) throws -> [UInt8] {
        var framed: [UInt8] = []
        framed.appendWireString(message)
        var sent = 0
        while sent < framed.count {
            let count = framed.withUnsafeBytes {
                send(descriptor, $0.baseAddress! + sent, framed.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure(text: "the agent closed its socket") }
            sent += count
        }
        var header = WireReader(try receive(4))
        guard let length = header.uint32(), length > 0, length <= 1 << 20 else {
            throw Failure(text: "the agent's answer is malformed")
        }
        return try receive(Int(length))
    }

    private func receive(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var got = 0
        while got < count {
            let more = bytes.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress! + got, count - got, 0) }
            guard more > 0 else { throw Failure(text: "the agent did not answer") }
            got += more
        }
        return bytes
    }
}
