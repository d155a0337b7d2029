import API
import JSON
import Logging
import NIOCore
import NIOPosix
import Testing

/// Answers every command with its name.
struct Echo: APIController {
    func perform(_ command: APICommand) async -> APIResponse { .text("\(command)", status: 202) }
}

/// A server of its own on a free port, for the time of `body`.
func serving(
    _ limits: APIServer.Limits = .init(), options: APIServer.Options = .init(),
    _ body: (_ server: APIServer, _ port: Int) async throws -> Void
) async throws {
    let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let server = APIServer(controller: Echo(), limits: limits, now: { moment }, log: log)
    try server.apply(options)
    server.publish(primary())
    let channel = try await server.start(host: "127.0.0.1", port: 0, on: MultiThreadedEventLoopGroup.singleton)
    let port = try #require(channel.localAddress?.port)
    do {
        try await body(server, port)
    } catch {
        try await channel.close()
        throw error
    }
    try await channel.close()
}

/// One request on a connection of its own; the whole answer.
func exchange(_ port: Int, _ text: String) async throws -> String {
    let client = try await RawClient.connect(port: port)
    try await client.send(text)
    return await client.everything()
}
