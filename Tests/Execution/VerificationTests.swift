import AdoptFixtures
import Execution
import Facts
import PostgresModel
import Testing

@Suite struct VerificationTests {
    /// An adopted cluster that is well.
    private static let well: ClusterFacts = {
        var facts = LegacyCluster.adopted
        for index in 0...2 { facts.hosts[index].servers[0].control?.walLogHints = true }
        for index in 0...2 {
            for setting in facts.hosts[index].servers[0].sql?.settings.indices ?? 0..<0
            where facts.hosts[index].servers[0].sql?.settings[setting].name == "wal_log_hints" {
                facts.hosts[index].servers[0].sql?.settings[setting].value = "on"
            }
        }
        for index in 1...2 {
            facts.hosts[index].servers[0].sql?.walReceiver = WALReceiverFacts(
                status: "streaming", senderHost: "10.77.0.1", senderPort: 5432, slot: "h\(index + 1)")
        }
        facts.hosts[0].servers[0].sql?.slots = ["h2", "h3"].map {
            SlotFacts(name: $0, isLogical: false, isActive: true, walStatus: "reserved")
        }
        return facts
    }()

    private static let probes: VerificationProbes = {
        let legacy = VerificationProbes.Units.Legacy(
            name: "postgresql@15-main.service", killMode: "none", hasStopCommand: false)
        let names = ["h1", "h2", "h3"]
        return VerificationProbes(
            connections: names.flatMap { from in
                names.filter { $0 != from }.flatMap { to in
                    VerificationProbes.Purpose.allCases.map { .init(from: from, to: to, purpose: $0) }
                }
            },
            canary: .init(leader: "h1", lsn: "16/B374D9F0", milliseconds: ["h2": 31, "h3": 28]),
            units: Dictionary(
                uniqueKeysWithValues: names.map {
                    let units = VerificationProbes.Units(
                        agentEnabled: "enabled", agentActive: "active", hasMarker: true, legacy: [legacy])
                    return ($0, units)
                }))
    }()

    /// Verdicts that are not `ok`, of a cluster that is well but for what `spoil` does to it.
    private func complaints(
        _ spoil: (inout ClusterFacts, inout VerificationProbes) -> Void = { _, _ in }
    ) -> [Verdict] {
        var facts = Self.well
        var probes = Self.probes
        spoil(&facts, &probes)
        return Verification(spec: LegacyCluster.spec, facts: facts, probes: probes).verdicts.filter { $0.level != .ok }
    }

    @Test func `A cluster that is well is proved whole, and the fastest replica is the candidate`() {
        #expect(complaints() == [])
        let whole = Verification(spec: LegacyCluster.spec, facts: Self.well, probes: Self.probes)
        #expect(whole.candidate == "h3")
        #expect(VerificationReport(cluster: "shop", verdicts: whole.verdicts).exitCode == 0)
        #expect(Set(whole.verdicts.map(\.name)).count == 11)
    }

    @Test func `A certificate of a managed store that ends soon is told, with whose it is`() {
        func verdicts(_ days: Int) -> [Verdict] {
            Verification(spec: ManagedCluster.spec(), facts: ManagedCluster.adopted(days: days), probes: Self.probes)
                .verdicts.filter { $0.name == "store.certificates" }
        }
        #expect(verdicts(91).map(\.summary) == ["the first of 6 certificates ends in 91 days"])
        #expect(verdicts(89).map(\.level) == [.warn])
        #expect(verdicts(89).first?.host == "h2")
        #expect(verdicts(2).map(\.summary) == ["the certificate of the agent ends in 2 days"])
        #expect(verdicts(2).map(\.level) == [.fail])
    }

    @Test func `A login that a failover would need and that is refused is a failure with the reason`() throws {
        let found = complaints { _, probes in
            let index = probes.connections.firstIndex { $0.from == "h2" && $0.to == "h3" && $0.purpose == .replication }
            probes.connections[index ?? 0].problem = "no pg_hba.conf entry for replication connection"
        }
        let verdict = try #require(found.first)
        #expect(found.count == 1 && verdict.name == "connection.replication" && verdict.host == "h2")
        #expect(verdict.summary.contains("h3: no pg_hba.conf entry"))
    }

    @Test func `A record that does not arrive, a lost slot and a receiver that waits are failures`() {
        let found = complaints { facts, probes in
            probes.canary?.milliseconds["h2"] = nil
            facts.hosts[0].servers[0].sql?.slots[1].walStatus = "lost"
            facts.hosts[2].servers[0].sql?.walReceiver?.status = "waiting"
        }
        #expect(Set(found.map { "\($0.name) \($0.host ?? "")" }) == ["canary h2", "slot h3", "streaming h3"])
        #expect(VerificationReport(cluster: "shop", verdicts: found).exitCode == 1)
    }

    @Test func `Two writable servers are a failure that names both`() {
        let found = complaints { facts, _ in facts.hosts[2].servers[0].sql?.isInRecovery = false }
        #expect(found.map(\.name) == ["leader"])
        #expect(found.first?.summary.contains("h1, h3") == true)
    }

    @Test func `What pg_rewind lacks is a warning, and a unit that would start the server a failure`() {
        let found = complaints { facts, probes in
            facts.hosts[1].servers[0].sql?.settings.removeAll { $0.name == "wal_log_hints" }
            facts.hosts[1].servers[0].control?.walLogHints = false
            probes.units["h3"]?.legacy[0].killMode = "control-group"
            probes.units["h1"]?.agentEnabled = "disabled"
        }
        #expect(found.map { "\($0.name) \($0.level)" } == ["rewind warn", "reboot fail", "reboot fail"])
        #expect(VerificationReport(cluster: "shop", verdicts: [found[0]]).exitCode == 2)
    }

    @Test func `A limit below the leader's, a host that is away and an etcd member that is silent are named`() {
        let found = complaints { facts, probes in
            let index = facts.hosts[1].servers[0].sql?.settings.firstIndex { $0.name == "max_connections" } ?? 0
            facts.hosts[1].servers[0].sql?.settings[index].value = "100"
            facts.hosts.removeLast()
            facts.unreachable = [UnreachableHost(host: "h3", reason: "no route to host", check: "ssh.reach")]
            facts.store.endpoints[0].error = "timeout"
            probes.units["h3"] = nil
            probes.connections.removeAll { $0.from == "h3" }
            probes.canary?.milliseconds["h3"] = nil
        }
        let names = Set(found.map { "\($0.name) \($0.host ?? "")" })
        #expect(names.isSuperset(of: ["settings h2", "member h3", "store ", "reboot h3", "connection.rewind h3"]))
        #expect(found.first { $0.name == "settings" }?.summary.contains("max_connections") == true)
    }

    @Test func `Before an adoption there is nothing to prove`() {
        let found = Verification(spec: LegacyCluster.spec, facts: LegacyCluster.facts, probes: .init()).verdicts
        #expect(found.first?.name == "leader" && found.first?.level == .fail)
    }

    @Test func `The report has a line a verdict, remedies under it, and a sum`() {
        let report = VerificationReport(
            cluster: "shop",
            verdicts: [
                Verdict("leader", host: "h1", .ok, "h1 leads"),
                Verdict("slot", host: "h2", .fail, "no slot", remedy: "Make it."),
            ],
            switchovers: [.init(from: "h1", to: "h2", gapMilliseconds: 412)])
        #expect(report.text == """
            Verification of cluster shop

              ok    leader  h1  h1 leads
              FAIL  slot    h2  no slot
                                Make it.
              switchover from h1 to h2: no write was possible for 412 ms

            1 failures, 0 warnings, 1 proved

            """)
    }
}
