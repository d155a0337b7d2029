import CLibSSH2
import FoundationEssentials
import Glibc

/// Signs while libssh2 waits inside a call.
private final class SigningContext {
    let sign: ([UInt8]) throws -> [UInt8]
    var problem: String?
    init(_ sign: @escaping ([UInt8]) throws -> [UInt8]) { self.sign = sign }
}

/// Login with public keys: first the agent's, then the key files.
extension Connection {
    func authenticate(_ session: Session, until deadline: Instant) async throws {
        guard target.user.utf8.count < 256 else { throw fault(.argument, "the user name is too long.") }
        tried = []
        if let socket = target.agentSocket {
            if try await authenticateWithAgent(session, socket, until: deadline) { return }
        } else {
            tried.append("no agent (SSH_AUTH_SOCK is not set)")
        }
        for path in target.identityFiles {
            guard let contents = FileManager.default.contents(atPath: path) else {
                if FileManager.default.fileExists(atPath: path) { tried.append("\(path) (cannot be read)") }
                continue
            }
            if try await authenticate(session, file: path, Array(contents), until: deadline) { return }
        }
        throw failure(.authentication, """
            \(place) accepted no key; tried: \(tried.joined(separator: ", ")). Add a public key to \
            ~\(target.user)/.ssh/authorized_keys on the host, or name the right key (ssh.key in the inventory, \
            IdentityFile in ~/.ssh/config) or load it into the agent (ssh-add KEY). \
            Test: ssh -p \(target.port) \(target.user)@\(target.host) true
            """)
    }

    private func authenticateWithAgent(_ session: Session, _ socket: String, until deadline: Instant) async throws -> Bool {
        let keys: [AgentKey]
        do {
            keys = try AgentClient.withConnection(to: socket) { try $0.keys() }
        } catch let problem as AgentClient.Failure {
            tried.append("agent (\(problem.text))")
            return false
        }
        let usable = agentKeys(keys)
        if usable.isEmpty {
            tried.append(keys.isEmpty ? "agent (holds no keys)" : "agent (\(keys.count) keys, none usable here)")
            return false
        }
        var refused: [String] = []
        for key in usable {
            let context = SigningContext { data in
                try AgentClient.withConnection(to: socket) { try $0.sign(data, with: key.blob) }
            }
            let code = try await offer(session, key.blob, context, until: deadline)
            if code == 0 { return true }
            if session.transport.ended != nil { refused.append("the server hung up after this many keys"); break }
            if let problem = context.problem { refused.append("\(key.comment): \(problem)") }
        }
        let count = usable.count == 1 ? "1 key" : "\(usable.count) keys"
        tried.append("agent (\(([count] + refused).joined(separator: "; ")))")
        return false
    }

    /// Certificates and FIDO keys are left out: libssh2 1.10 cannot frame their signatures.
    private func agentKeys(_ keys: [AgentKey]) -> [AgentKey] {
        let types = ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"]
        let plain = keys.filter { types.contains($0.type) }
        let named = target.identityFiles.compactMap(publicKey)
        // Keys the configuration names come first, since sshd allows only MaxAuthTries (6) attempts.
        let first = plain.filter { named.contains($0.blob) }
        return target.identitiesOnly ? first : first + plain.filter { !named.contains($0.blob) }
    }

    private func publicKey(of path: String) -> [UInt8]? {
        guard let contents = FileManager.default.contents(atPath: path + ".pub") else { return nil }
        let fields = String(decoding: contents, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard fields.count >= 2, let blob = Data(base64Encoded: String(fields[1])) else { return nil }
        return Array(blob)
    }

    private func authenticate(
        _ session: Session, file path: String, _ contents: [UInt8], until deadline: Instant
    ) async throws -> Bool {
        do {
            switch try PrivateKeyFile(contents) {
            case .rsa(let signer):
                let context = SigningContext(signer.sign)
                if try await offer(session, signer.blob, context, until: deadline) == 0 { return true }
                tried.append(context.problem.map { "\(path) (\($0))" } ?? path)
            case .encryptedRSA:
                tried.append("\(path) (an RSA key with a passphrase: load it into the agent with ssh-add \(path))")
            case .other(let encrypted):
                return try await authenticate(session, file: path, contents, encrypted, until: deadline)
            }
        } catch let problem as PrivateKeyFile.Failure {
            tried.append("\(path) (\(problem.text))")
        } catch is DeadlinePassed {
            throw DeadlinePassed()
        } catch let error as CancellationError {
            throw error
        } catch let error as SSHError {
            throw error
        } catch {
            tried.append("\(path) (the key cannot be read)")
        }
        return false
    }

    private func authenticate(
        _ session: Session, file path: String, _ contents: [UInt8], _ encrypted: Bool, until deadline: Instant
    ) async throws -> Bool {
        var passphrase: String?
        if encrypted {
            do { passphrase = try options.passphrase?(path) } catch {
                tried.append("\(path) (its passphrase could not be read)")
                return false
            }
            if passphrase == nil {
                tried.append("\(path) (needs a passphrase, none is known: name its source in the inventory or use the agent)")
                return false
            }
        }
        let user = target.user
        let code = try await retry(until: deadline) {
            contents.withUnsafeBytes { key in
                libssh2_userauth_publickey_frommemory(
                    session.raw, user, user.utf8.count, nil, 0,
                    key.baseAddress!.assumingMemoryBound(to: CChar.self), key.count, passphrase ?? "")
            }
        }
        if code == 0 { return true }
        switch code {
        case _ where encrypted && session.lastError.lowercased().contains("private key"): tried.append("\(path) (wrong passphrase?)")
        case LIBSSH2_ERROR_AUTHENTICATION_FAILED, LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED: tried.append(path)
        default: tried.append("\(path) (\(session.lastError))")
        }
        return false
    }

    /// Offers one public key. RSA goes out under the name `rsa-sha2-512`: libssh2 1.10 takes the algorithm of the
    /// request from the blob's first field, and would ask for the SHA-1 signature that sshd refuses since 8.8.
    private func offer(
        _ session: Session, _ blob: [UInt8], _ context: SigningContext, until deadline: Instant
    ) async throws -> Int32 {
        var offered = blob
        if blob.keyType == "ssh-rsa" {
            offered = []
            offered.appendWireString("rsa-sha2-512".utf8)
            offered += blob.dropFirst(4 + "ssh-rsa".utf8.count)
        }
        let user = target.user
        return try await retry(until: deadline) {
            withExtendedLifetime(context) {
                var abstract: UnsafeMutableRawPointer? = Unmanaged.passUnretained(context).toOpaque()
                return libssh2_userauth_publickey(session.raw, user, offered, offered.count, { _, out, length, data, count, abstract in
                    guard let out, let length, let data, let raw = abstract?.pointee else { return -1 }
                    let context = Unmanaged<SigningContext>.fromOpaque(raw).takeUnretainedValue()
                    return signed(Array(UnsafeBufferPointer(start: data, count: count)), context, out, length)
                }, &abstract)
            }
        }
    }
}

/// Fills libssh2's signature pointer with memory that libssh2 frees. 0: signed.
private func signed(
    _ data: [UInt8], _ context: SigningContext, _ out: UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>,
    _ length: UnsafeMutablePointer<Int>
) -> Int32 {
    do {
        let signature = try context.sign(data)
        guard let memory = malloc(signature.count)?.assumingMemoryBound(to: UInt8.self) else { return -1 }
        memory.initialize(from: signature, count: signature.count)
        out.pointee = memory
        length.pointee = signature.count
        return 0
    } catch {
        context.problem = (error as? AgentClient.Failure)?.text ?? "signing failed"
        return -1
    }
}
