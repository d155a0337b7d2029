import AdoptFixtures
import Certificates
import Execution
import Facts
import Foundation
import Planning
import Testing

/// The certificates of the replication relay, made and renewed by the step `secrets`.
@Suite struct RelayCertificateTests {
    private func plan() throws -> Plan { try LegacyCluster.localPlan.only([.lock, .secrets, .unlock]) }

    private func run(
        _ plan: Plan, _ world: World, _ environment: ExecutionEnvironment? = nil, facts: ClusterFacts? = nil
    ) async throws {
        let facts = facts ?? LegacyCluster.local()
        try await Executor(plan: plan, environment: environment ?? world.environment())
            .run(survey: { facts }, report: world.report)
    }

    private func text(_ path: String, _ world: World) -> String { world.file(world.root + path) ?? "" }

    private func pair(_ world: World) throws -> KeyPair {
        KeyPair(
            certificatePEM: text("/etc/pgadopt/shop/relay.pem", world),
            keyPEM: text("/etc/pgadopt/shop/relay.key", world))
    }

    private func authority(_ world: World) throws -> CertificateAuthority {
        try CertificateAuthority(KeyPair(
            certificatePEM: text("/var/lib/pgadopt/shop/relay-ca/ca.pem", world),
            keyPEM: text("/var/lib/pgadopt/shop/relay-ca/ca.key", world)))
    }

    private func mode(_ path: String, _ world: World) throws -> (Int, String) {
        let attributes = try FileManager.default.attributesOfItem(atPath: world.root + path)
        return (attributes[.posixPermissions] as? Int ?? 0, attributes[.ownerAccountName] as? String ?? "")
    }

    @Test func `The authority's key is root's, the member's is PostgreSQL's, and no text of ours has either`()
        async throws
    {
        let world = try World()
        try await run(plan(), world)
        let content = try CertificateContent(pem: pair(world).certificatePEM)
        #expect(try authority(world).signed(content))
        #expect(try content.belongs(to: pair(world).keyPEM))
        #expect(content.covers(["10.77.0.1"]))
        #expect(text("/etc/pgadopt/shop/relay-ca.pem", world) == text("/var/lib/pgadopt/shop/relay-ca/ca.pem", world))
        #expect(try mode("/etc/pgadopt/shop/relay.key", world) == (0o600, "postgres"))
        #expect(try mode("/var/lib/pgadopt/shop/relay-ca/ca.key", world) == (0o600, "root"))
        #expect(try mode("/var/lib/pgadopt/shop/relay-ca", world) == (0o700, "root"))
        let said = await world.journal.text + world.take().joined()
        #expect(!said.contains("PRIVATE"))
    }

    @Test func `What is good for long is kept, and a lost key is made anew by the same authority`() async throws {
        let world = try World()
        try await run(plan(), world)
        let (first, root) = (try pair(world).certificatePEM, text("/var/lib/pgadopt/shop/relay-ca/ca.pem", world))
        let again = World.Again(world)
        try await run(plan(), world, again.environment)
        #expect(try pair(world).certificatePEM == first)
        try FileManager.default.removeItem(atPath: world.root + "/etc/pgadopt/shop/relay.key")
        try await run(plan(), world, World.Again(world).environment)
        #expect(try pair(world).certificatePEM != first)
        #expect(text("/var/lib/pgadopt/shop/relay-ca/ca.pem", world) == root)
        #expect(try CertificateContent(pem: pair(world).certificatePEM).belongs(to: pair(world).keyPEM))
    }

    @Test func `Cut off at any command, a second run ends with certificates that fit`() async throws {
        let whole = try World()
        let counter = Counter()
        try await run(plan(), whole, whole.environment(cutAt: { _ in counter.next() < 0 }))
        for cut in stride(from: 0, to: counter.value, by: 3) {
            let world = try World()
            let counter = Counter()
            // Some cuts are survived: a password that cannot be read is made anew.
            try? await run(plan(), world, world.environment(processID: 7, cutAt: { _ in counter.next() == cut }))
            try await run(plan(), world, world.environment(processID: 8, isRunning: false))
            let content = try CertificateContent(pem: pair(world).certificatePEM)
            #expect(try authority(world).signed(content), "cut at \(cut)")
            #expect(try content.belongs(to: pair(world).keyPEM), "cut at \(cut)")
        }
    }

    @Test func `A renewal makes new certificates and leaves the passwords`() async throws {
        let world = try World()
        try await run(plan(), world)
        let first = try CertificateContent(pem: pair(world).certificatePEM)
        let password = text("/etc/pgadopt/shop/pgadopt_replication.password", world)
        var renewal = try plan()
        for index in renewal.steps.indices {
            guard case .secrets(var change) = renewal.steps[index].kind else { continue }
            change.relay?.isRenewal = true
            renewal.steps[index].kind = .secrets(change)
        }
        var environment = World.Again(world).environment
        // Thirty days before the end.
        environment.timestamp = { "2029-10-22T16:00:00Z" }
        try await run(renewal, world, environment)
        let second = try CertificateContent(pem: pair(world).certificatePEM)
        #expect(second.end > first.end)
        #expect(try authority(world).signed(second))
        #expect(text("/etc/pgadopt/shop/pgadopt_replication.password", world) == password)
    }
}

extension World {
    /// Another apply in the same world, with a journal of its own.
    struct Again {
        var environment: ExecutionEnvironment

        init(_ world: World) {
            environment = world.environment()
            environment.journal = MemoryJournal()
        }
    }
}
