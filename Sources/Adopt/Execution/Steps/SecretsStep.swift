import Inventory
import Planning
import Shell

/// Passwords of our roles. They travel on standard input and output only and are in no plan, journal or message.
struct SecretsStep: Step {
    var change: SecretsChange

    func isDone(_ context: StepContext) async throws -> Bool { false }

    func apply(_ context: StepContext) async throws {
        if let relay = change.relay {
            if !relay.isRenewal { try await makeDirectory(context) }
            try await RelayCertificateFiles(change: relay, osUser: change.osUser).make(context)
            if relay.isRenewal { return }
        }
        try await makeDirectory(context)
        var passfile = ""
        for role in change.roles {
            let password = try await password(of: role, context)
            // libpq's passfile format: host:port:database:user:password. Ours need no escapes.
            passfile += "*:*:*:\(role):\(password)\n"
        }
        try await write(change.passfile, Array(passfile.utf8), context)
        for shipped in change.shipped {
            try await write(shipped.path, try content(of: shipped.source, context), context)
        }
    }

    private func makeDirectory(_ context: StepContext) async throws {
        if change.copiedFrom == nil { try await context.willMake("directory", change.directory) }
        try await context.run(
            "making \(change.directory)",
            StepContext.fileFunctions + "directory \(quoted(change.directory)) \(quoted(change.osUser)) 0700")
    }

    private func password(of role: String, _ context: StepContext) async throws -> String {
        let path = "\(change.directory)/\(role).password"
        if let source = change.copiedFrom {
            let bytes = try await context.read(path, on: source)
            try await write(path, bytes, context)
            return firstLine(bytes)
        }
        if let existing = try? await context.read(path), !firstLine(existing).isEmpty { return firstLine(existing) }
        let password = hexadecimal(context.environment.randomBytes(32))
        try await write(path, Array("\(password)\n".utf8), context)
        return password
    }

    private func write(_ path: String, _ bytes: [UInt8], _ context: StepContext) async throws {
        try await context.run(
            "writing \(path)",
            StepContext.fileFunctions + "put \(quoted(path)) \(quoted(change.osUser)) 0600", standardInput: bytes)
    }

    private func content(of source: SecretSource, _ context: StepContext) throws -> [UInt8] {
        switch source {
        case .file(let path):
            do {
                return try context.environment.readFile(path)
            } catch {
                throw ExecutionError(.localFile, "\(path) cannot be read on this machine: \(error)")
            }
        case .environment(let name):
            guard let value = context.environment.readEnvironment(name) else {
                throw ExecutionError(.localFile, "the environment variable \(name) is not set")
            }
            return Array("\(value)\n".utf8)
        }
    }

    func undo(_ context: StepContext) async throws {
        if let relay = change.relay {
            if relay.isRenewal { return }
            try await RelayCertificateFiles(change: relay, osUser: change.osUser).undo(context)
        }
        try await context.run("removing \(change.directory)", "rm -rf -- \(quoted(change.directory))")
    }
}

func firstLine(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }, as: UTF8.self)
}

func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
