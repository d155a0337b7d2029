import AdoptFixtures
import Facts
import Inventory
import Planning
import PostgresModel
import Testing

/// Servers that listen on their own host only: adopted through a relay, which the next planned restart ends.
@Suite struct RelayPlanTests {
    private func secrets(_ plan: Plan, _ host: String) -> RelayCertificates? {
        guard case .secrets(let change)? = plan.step("\(host)/secrets")?.kind else { return nil }
        return change.relay
    }

    private func agent(_ plan: Plan, _ host: String) -> String {
        guard case .agent(let change)? = plan.step("\(host)/agent")?.kind else { return "" }
        return change.configuration.content
    }

    private func backup(_ plan: Plan, _ host: String) -> BaseBackupChange? {
        guard case .baseBackup(let change)? = plan.step("\(host)/base-backup")?.kind else { return nil }
        return change
    }

    @Test(arguments: ["localhost", "127.0.0.1, ::1", ""])
    func `Replicas come through the relay, and the server listens after the next restart`(_ addresses: String) throws {
        let plan = try LegacyCluster.planner.plan(LegacyCluster.spec, LegacyCluster.local(addresses), [])
        let deferred = plan.deferred.first { $0.name == "listen_addresses" }
        let own = addresses.filter { $0 != " " }
        #expect(deferred?.runningValue == addresses)
        #expect(deferred?.wantedValue == (own.isEmpty ? "10.77.0.1" : own + ",10.77.0.1"))
        #expect(deferred?.meanwhile.hasPrefix("replicas reach this server through the agent's relay only") == true)

        #expect(backup(plan, "h2")?.sourcePort == 8108)
        #expect(backup(plan, "h2")?.relay?.certificate == "/etc/pgadopt/shop/relay.pem")
        guard case .configFiles(let files)? = plan.step("h2/config-files")?.kind else {
            Issue.record("no files")
            return
        }
        let settings = files.settings.content
        #expect(settings.contains("host=10.77.0.1 port=8108 sslmode=verify-full"))
        #expect(settings.contains("sslrootcert=/etc/pgadopt/shop/relay-ca.pem"))
        #expect(settings.contains("listen_addresses = '\(own.isEmpty ? "" : own + ",")10.77.0.2'"))
        #expect(agent(plan, "h1").contains("relay:\n    listen: \"10.77.0.1:8108\"\n"))
        #expect(agent(plan, "h2").contains("members:\n      - \"10.77.0.1:8108\"\n"))
        #expect(!agent(plan, "h2").contains("    listen: \"10.77.0.2:8108\"\n"))
    }

    @Test func `The relay's port is the inventory's`() throws {
        var spec = LegacyCluster.spec
        spec.replicas.relayPort = 7000
        let plan = try LegacyCluster.planner.plan(spec, LegacyCluster.local(), [])
        #expect(backup(plan, "h3")?.sourcePort == 7000)
        #expect(agent(plan, "h3").contains("\"10.77.0.1:7000\""))
    }

    @Test func `Certificates are made with the secrets, by an authority of the primary's root`() throws {
        let plan = try LegacyCluster.localPlan
        #expect(secrets(plan, "h1")?.names == ["10.77.0.1"])
        #expect(secrets(plan, "h2")?.names == [])
        #expect(secrets(plan, "h2")?.authorityHost == "h1")
        #expect(secrets(plan, "h2")?.authorityDirectory == "/var/lib/pgadopt/shop/relay-ca")
        #expect(plan.step("h2/secrets")?.prerequisites.contains("h1/secrets") == true)
    }

    @Test func `The relay's login is asked for its password, which is proved over the socket`() throws {
        guard case .hba(let change)? = try LegacyCluster.localPlan.step("h1/hba")?.kind,
            case .managedBlock(let lines) = change.edit.edit
        else {
            Issue.record("no rules")
            return
        }
        #expect(lines.first == "local replication pgadopt_replication scram-sha-256")
        #expect(change.probes.map(\.host) == ["h1"])
        #expect(change.probes.first?.address == "/var/run/postgresql")
        #expect(change.probes.first?.replicates == true)
    }

    @Test func `Where the inventory's address is not the host's own, everything is listened at`() throws {
        var facts = LegacyCluster.local()
        facts.hosts[0].network.addresses = ["192.168.1.5/24"]
        let plan = try LegacyCluster.planner.plan(LegacyCluster.spec, facts, [])
        #expect(plan.deferred.first { $0.name == "listen_addresses" }?.wantedValue == "*")
        #expect(agent(plan, "h1").contains("relay:\n    listen: \"*:8108\"\n"))
    }

    @Test func `A server that listens for others has no relay`() throws {
        let plan = try LegacyCluster.plan
        #expect(secrets(plan, "h1") == nil)
        #expect(!agent(plan, "h1").contains("relay"))
        #expect(backup(plan, "h2")?.relay == nil)
        #expect(!plan.deferred.contains { $0.name == "listen_addresses" })
    }

    @Test func `A plan with a restart in a window sets listen_addresses in it and needs no relay`() throws {
        var facts = LegacyCluster.local()
        facts.hosts[0].servers[0].sql?.settings.removeAll { $0.name == "max_wal_senders" }
        facts.hosts[0].servers[0].sql?.settings.append(
            SettingFacts(name: "max_wal_senders", value: "1", context: "postmaster", source: "configuration file"))
        var planner = LegacyCluster.planner
        planner.restartWindow = try RestartWindow("2026-11-28T02:00Z/1h")
        let plan = try planner.plan(LegacyCluster.spec, facts, [])
        guard case .settings(let change)? = plan.step("h1/settings")?.kind else {
            Issue.record("no settings")
            return
        }
        #expect(change.file.content.contains("listen_addresses = 'localhost,10.77.0.1'"))
    }

    // MARK: Later

    /// Adopted through a relay, which still runs; its certificate ends in so many days.
    private func adopted(days: Int64) -> ClusterFacts {
        var facts = LegacyCluster.adopted
        let local = LegacyCluster.local()
        facts.hosts[0].servers[0].sql?.settings = local.hosts[0].servers[0].sql?.settings ?? []
        for index in 0...2 { facts.hosts[index].network = local.hosts[index].network }
        for index in 0...2 {
            let lines = HBAFile(text: facts.hosts[index].servers[0].hbaText ?? "").managedLines ?? []
            facts.hosts[index].servers[0].hbaText = HBAFile(text: LegacyCluster.hba).replacingManagedBlock(
                with: ["local replication pgadopt_replication scram-sha-256"] + lines
            ).text
        }
        let end = (UTCTime(facts.takenAt)?.seconds ?? 0) + days * 86_400
        facts.store.keys?["members/h1"] =
            #"{"state":"running","pgadopt_relay":{"address":"10.77.0.1:8108","certificate_ends":\#(end)}}"#
        return facts
    }

    @Test func `Nothing is to be done while the relay's certificate is good for long`() throws {
        #expect(try LegacyCluster.planner.plan(LegacyCluster.spec, adopted(days: 400), []).steps.isEmpty)
    }

    @Test func `A certificate that ends soon is renewed on every member`() throws {
        let plan = try LegacyCluster.planner.plan(LegacyCluster.spec, adopted(days: 30), [])
        #expect(plan.steps.map(\.id) == [
            "h1/lock", "h1/backup", "h1/secrets", "h2/secrets", "h3/secrets", "h1/verify", "h1/unlock",
        ])
        #expect(secrets(plan, "h1")?.isRenewal == true)
        #expect(plan.step("h2/secrets")?.summary.contains("ends in 30 days") == true)
    }

    /// The rule for the socket stays in the block when the relay has gone: a plan then has nothing to do.
    @Test func `After the restart nothing is left to do`() throws {
        var facts = adopted(days: 30)
        let ours = "/etc/postgresql/15/main/conf.d/zz-pgadopt.conf"
        for index in facts.hosts[0].servers[0].sql?.settings.indices ?? 0..<0
        where facts.hosts[0].servers[0].sql?.settings[index].name == "listen_addresses" {
            facts.hosts[0].servers[0].sql?.settings[index].value = "localhost,10.77.0.1"
            facts.hosts[0].servers[0].sql?.settings[index].sourceFile = ours
        }
        facts.store.keys?["members/h1"] = #"{"state":"running"}"#
        #expect(try LegacyCluster.planner.plan(LegacyCluster.spec, facts, []).steps.isEmpty)

        // A member that comes later listens at its own address.
        var spec = LegacyCluster.spec
        spec.hosts.append(HostSpec(
            name: "h4", role: .replica, address: "10.77.0.4", ssh: SSHSpec(host: "10.77.0.4", user: "root")))
        var host = LegacyCluster.facts.hosts[1]
        host.host = "h4"
        host.network.addresses = ["10.77.0.4/24"]
        facts.hosts.append(host)
        let plan = try LegacyCluster.planner.plan(spec, facts, [])
        guard case .configFiles(let files)? = plan.step("h4/config-files")?.kind else {
            Issue.record("no files")
            return
        }
        #expect(files.settings.content.contains("listen_addresses = 'localhost,10.77.0.4'"))
        #expect(backup(plan, "h4")?.relay == nil)
    }
}
