import Planning
import Shell

/// New certificates for an agent that runs. It reads the files again for each connection.
struct StoreClientStep: Step {
    var change: StoreClientChange

    func isDone(_ context: StepContext) async throws -> Bool {
        for file in change.files {
            guard let bytes = try? context.environment.readFile(file.source),
                try await context.digest(of: file.path) == sha256(bytes)
            else { return false }
        }
        return true
    }

    func apply(_ context: StepContext) async throws {
        for file in change.files {
            let bytes: [UInt8]
            do {
                bytes = try context.environment.readFile(file.source)
            } catch {
                throw ExecutionError(.localFile, "\(file.source) cannot be read on this machine: \(error)")
            }
            try await context.run(
                "writing \(file.path)",
                StepContext.fileFunctions + "put \(quoted(file.path)) \(quoted(change.osUser)) 0600",
                standardInput: bytes)
        }
    }

    /// The files go with the directory that the adoption made.
    func undo(_ context: StepContext) async throws {}
}
