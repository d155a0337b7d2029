import Planning

/// The authority and the certificates of clients, as files of the control host.
struct StoreAuthorityStep: Step {
    var change: StoreAuthorityChange

    private func certificates(_ context: StepContext) -> StoreCertificates {
        StoreCertificates(directory: change.directory, environment: context.environment)
    }

    private var clients: [(name: String, path: (certificate: String, key: String))] {
        let named = [("pgadopt", "client")] + change.agents.map { ($0, "agent-\($0)") }
        return named.map { name, file in
            (name, ("\(change.directory)/\(file).pem", "\(change.directory)/\(file).key"))
        }
    }

    func isDone(_ context: StepContext) async throws -> Bool {
        let certificates = certificates(context)
        guard try certificates.authority() != nil else { return false }
        return try clients.allSatisfy { try certificates.isFresh($0.path) }
    }

    func apply(_ context: StepContext) async throws {
        let certificates = certificates(context)
        if try certificates.authority() == nil {
            try await context.willMake("authority", change.directory)
            try certificates.makeAuthority(name: change.name)
            context.note(
                "\(change.directory) on this machine holds the store's authority: keep it, and keep it secret")
        }
        for client in clients where try !certificates.isFresh(client.path) {
            try certificates.makeClient(client.name, client.path)
        }
    }

    func undo(_ context: StepContext) async throws {
        guard await context.made("authority").contains(change.directory) else { return }
        for path in clients.flatMap({ [$0.path.certificate, $0.path.key] }) {
            try context.environment.localFiles.remove(path)
        }
        for name in ["ca.pem", "ca.key"] { try context.environment.localFiles.remove("\(change.directory)/\(name)") }
    }
}
