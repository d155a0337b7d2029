import AdoptFixtures
import Facts
import Inventory
import Planning
import PostgresModel
import Testing

/// From which server a replica is copied, and how.
@Suite struct CopyPlanTests {
    private func plan(
        _ options: ReplicaOptions = ReplicaOptions(), _ facts: ClusterFacts = LegacyCluster.facts,
        _ edit: (inout ClusterSpec) -> Void = { _ in }
    ) throws -> Plan {
        var spec = LegacyCluster.spec
        spec.replicas = options
        edit(&spec)
        return try LegacyCluster.planner.plan(spec, facts, [])
    }

    private func copy(_ host: String, _ plan: Plan) throws -> BaseBackupChange {
        guard case .baseBackup(let change)? = plan.step("\(host)/base-backup")?.kind else {
            throw PlanningError(.missingFacts, host: host, "it is not copied")
        }
        return change
    }

    private var small: ClusterFacts {
        var facts = LegacyCluster.facts
        facts.hosts[0].servers[0].sql?.totalSize = ByteCount(1000 << 20)
        return facts
    }

    @Test func `The second replica of a big database is copied from the first, when that streams`() throws {
        let plan = try plan()
        #expect(try copy("h2", plan).standby == nil)
        let copy = try copy("h3", plan)
        #expect(copy.standby?.host == "h2")
        #expect(copy.standby?.address == "10.77.0.2")
        #expect(copy.standby?.port == 5432)
        #expect(copy.sourceHost == "h1", "the primary is copied when h2 is not fit")
        #expect(plan.step("h2/slot")?.awaits == nil)
        #expect(plan.step("h3/slot")?.awaits == ["h2/streaming"])
        #expect(plan.step("h3/base-backup")?.summary.contains("from h2 into") == true)
    }

    @Test func `Estimates and schedule know that one copy comes after the other`() throws {
        let plan = try plan()
        let entries = PlanSchedule(plan.steps).entries
        let streaming = try #require(entries.first { $0.step.id == "h2/streaming" })
        let slot = try #require(entries.first { $0.step.id == "h3/slot" })
        #expect(slot.start >= streaming.end)
        let alone = try #require(plan.step("h2/base-backup")).estimate.duration
        let shared = try #require(try self.plan(ReplicaOptions(cloneFrom: .primary)).step("h2/base-backup")).estimate
        #expect(alone < shared.duration, "two copies of one server share what it can send")
    }

    @Test func `A small database is copied from the primary alone, and so is any, when that is asked for`() throws {
        #expect(try copy("h3", plan(ReplicaOptions(), small)).standby == nil)
        #expect(try copy("h3", plan(ReplicaOptions(cloneFrom: .replica), small)).standby?.host == "h2")
        let primary = try plan(ReplicaOptions(cloneFrom: .primary))
        #expect(try copy("h3", primary).standby == nil)
        #expect(primary.step("h3/slot")?.awaits == nil)
    }

    @Test func `The tag clonefrom says who is first`() throws {
        let plan = try plan { $0.hosts[2].tags = ["clonefrom": "true"] }
        #expect(try copy("h3", plan).standby == nil)
        #expect(try copy("h2", plan).standby?.host == "h3")
        let ids = plan.steps.map(\.id)
        let (first, second) = (ids.firstIndex(of: "h3/streaming"), ids.firstIndex(of: "h2/slot"))
        #expect(try #require(first) < #require(second), "what is waited for stands before who waits")
    }

    @Test func `Without full_page_writes no standby can be copied`() throws {
        var facts = LegacyCluster.facts
        let settings = facts.hosts[0].servers[0].sql?.settings ?? []
        let index = try #require(settings.firstIndex { $0.name == "full_page_writes" })
        facts.hosts[0].servers[0].sql?.settings[index].value = "off"
        #expect(try copy("h3", plan(ReplicaOptions(), facts)).standby == nil)
    }

    @Test func `A standby that streams already is copied where it is`() throws {
        let plan = try LegacyCluster.standbyPlan
        let source = try #require(try copy("h3", plan).standby)
        #expect(source.host == "h2")
        #expect(source.port == 5433)
        #expect(plan.step("h3/slot")?.awaits == ["h2/streaming"], "not before our rules are in its pg_hba.conf")
    }

    @Test func `A member of an adopted cluster is copied at once`() throws {
        var facts = LegacyCluster.adopted
        facts.hosts[2] = LegacyCluster.facts.hosts[2]
        facts.store.keys?["members/h3"] = nil
        let plan = try plan(ReplicaOptions(), facts)
        #expect(try copy("h3", plan).standby?.host == "h2")
        #expect(plan.step("h3/slot")?.awaits == nil)
    }

    /// The primary writes so many bytes of WAL in a second.
    private func writing(_ bytes: Int64, _ size: ByteCount? = nil) -> ClusterFacts {
        var facts = LegacyCluster.facts
        facts.hosts[0].servers[0].details = facts.hosts[0].servers[0].details ?? ServerDetails()
        facts.hosts[0].servers[0].details?.walSample = WALSample(bytes: ByteCount(2 * bytes), seconds: 2)
        if let size { facts.hosts[0].servers[0].sql?.totalSize = size }
        return facts
    }

    @Test func `A primary that is being written to is spared the burst of a fast checkpoint`() throws {
        let busy = try plan(ReplicaOptions(), writing(5 << 20))
        #expect(try copy("h2", busy).checkpoint == .spread)
        #expect(try copy("h3", busy).checkpoint == .fast, "h2 is copied, whose checkpoint is nobody's burst")
        #expect(try copy("h2", plan(ReplicaOptions(), writing(100_000))).checkpoint == .fast)
        #expect(try copy("h2", plan(ReplicaOptions(), writing(5 << 20, ByteCount(100 << 20)))).checkpoint == .fast)
        #expect(try copy("h2", plan(ReplicaOptions(checkpoint: .fast), writing(5 << 20))).checkpoint == .fast)
        #expect(try copy("h2", plan(ReplicaOptions(checkpoint: .spread))).checkpoint == .spread)
        let times = try [busy, plan()].map { try #require($0.step("h2/base-backup")).estimate.duration }
        #expect(times[0] - times[1] > .seconds(200))
    }

    // MARK: Compression

    /// A gigabit between hosts whose PostgreSQL can what `options` say.
    private func linked(_ megabits: Int?, cores: Int = 8, _ options: [String], version: Int = 150_018) -> ClusterFacts {
        var facts = LegacyCluster.facts
        facts.hosts[0].servers[0].sql?.version = ServerVersion(version)
        for index in facts.hosts.indices {
            facts.hosts[index].network.interfaces = [NetworkFacts.Interface(name: "eth0", megabits: megabits)]
            facts.hosts[index].system.cpuCount = cores
            for place in facts.hosts[index].installations.indices {
                facts.hosts[index].installations[place].configureOptions = options
                facts.hosts[index].installations[place].version = ServerVersion(version)
            }
        }
        return facts
    }

    @Test func `Copies are packed where the link is known to be slow, and both builds can`() throws {
        let both = ["--with-openssl", "--with-lz4", "--with-zstd"]
        #expect(try copy("h2", plan(ReplicaOptions(), linked(1000, both))).compression == .lz4)
        #expect(try copy("h2", plan(ReplicaOptions(), linked(1000, ["--with-zstd"]))).compression == .zstd)
        #expect(try copy("h2", plan(ReplicaOptions(), linked(10_000, both))).compression == nil)
        #expect(try copy("h2", plan(ReplicaOptions(), linked(nil, both))).compression == nil)
        #expect(try copy("h2", plan(ReplicaOptions(), linked(1000, []))).compression == nil)
        #expect(try copy("h2", plan(ReplicaOptions(), linked(1000, cores: 2, both))).compression == nil)
        #expect(try copy("h2", plan(ReplicaOptions(), linked(1000, both, version: 140_012))).compression == nil)
        #expect(try copy("h2", plan(ReplicaOptions(compress: .off), linked(1000, both))).compression == nil)
        #expect(try copy("h2", plan(ReplicaOptions(compress: .gzip), linked(nil, both))).compression == .gzip)
    }

    @Test func `What these servers cannot do is refused, not guessed`() {
        let old = #expect(throws: PlanningError.self) {
            try plan(ReplicaOptions(compress: .lz4), linked(1000, ["--with-lz4"], version: 130_020))
        }
        #expect(old?.message == "the inventory asks for copies compressed with lz4, which PostgreSQL can from 15 on; "
            + "this is 13.20")
        let without = #expect(throws: PlanningError.self) {
            try plan(ReplicaOptions(compress: .zstd), linked(1000, ["--with-lz4"]))
        }
        #expect(without?.message == "the inventory asks for copies compressed with zstd, and PostgreSQL in "
            + "/usr/lib/postgresql/15/bin was built without it")
    }
}
