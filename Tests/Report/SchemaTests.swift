import AdoptFixtures
import Cluster
import FoundationEssentials
import JSON
import Planning
import PostgresModel
import Preflight
import Report
import Testing

/// What programs read is what docs/plan.schema.json says.
@Suite struct SchemaTests {
    private static func schema(_ name: String = "plan") throws -> JSONSchema {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let bytes = try #require(FileManager.default.contents(atPath: "/\(root)/docs/\(name).schema.json"))
        return JSONSchema(root: try JSON(parsing: String(decoding: bytes, as: UTF8.self)))
    }

    private func json(_ plan: Plan) throws -> JSON {
        try JSON(parsing: String(decoding: try plan.encoded(), as: UTF8.self))
    }

    private static func operatorPlan() throws -> Plan {
        var planner = LegacyCluster.planner
        planner.waivers = ["wal.slots@h1"]
        var playbook = Playbook.adopt
        let text = """
            cluster: [lock, run: {name: a, command: b, effect: none, undo: c}, pause: {name: d, message: e}, backup,
              bundle, secrets, roles, hba, settings, store, legacy-unit, agent]
            replica: [slot, base-backup, config-files, legacy-unit, agent, streaming]
            finish: [verify, unlock]
            """
        playbook = try Playbook.parse(text, file: "my.yaml")
        planner.playbook = playbook
        var spec = LegacyCluster.spec
        spec.store.username = "pgadopt"
        spec.store.passwordSource = .environment("ETCD_PASSWORD")
        var facts = LegacyCluster.facts
        // Without Debian's conf.d the owner's file gets a line.
        facts.hosts[0].servers[0].configText = "max_connections = 250\n"
        var plan = try planner.plan(spec, facts, LegacyCluster.findings)
        plan.drift = [DriftNote(host: nil, what: "keys have changed", meaning: "x")]
        plan.findings[1].waiver = Waiver(rule: "wal.log-hints", host: "h1")
        return plan
    }

    @Test func `Every plan fits the published schema`() throws {
        let schema = try Self.schema()
        let upgrade = try LegacyCluster.planner.upgrade(LegacyCluster.spec, LegacyCluster.adopted, installed: [:])
        let plans = [
            try LegacyCluster.plan, try LegacyCluster.restartPlan(), try Self.operatorPlan(), try LegacyCluster.standbyPlan,
            upgrade, try LegacyCluster.leavePlan, try LegacyCluster.localPlan, try ManagedCluster.plan,
            try BackedUpCluster.plan,
            try LegacyCluster.planner.plan(ManagedCluster.spec(), ManagedCluster.adopted(days: 1), []),
        ]
        for plan in plans {
            #expect(try schema.problems(json(plan)) == [])
        }
    }

    @Test func `Findings for programs fit the published schema`() throws {
        let report = FindingsReport(
            cluster: "shop", takenAt: "2026-11-22T16:00:00Z", findings: LegacyCluster.findings)
        #expect(try Self.schema().problems(try JSON(parsing: report.encoded())) == [])
    }

    @Test func `The state of a cluster for programs fits its published schema`() throws {
        let schema = try Self.schema("status")
        var view = StatusFixture.view
        view.members.append(Member(name: "h3"))
        view.members[1].pendingRestart = true
        view.config = ConfigKey(modRevision: 1, value: ["pause": true])
        view.failover = FailoverKey(
            modRevision: 2, leader: "h1", candidate: "h2", scheduledAt: "2026-11-28T02:00:00+00:00")
        view.members[0].other["pgadopt_relay"] = [
            "address": "10.77.0.1:8108", "connections": 2, "certificate_ends": 1_890_000_000, "problem": "x",
        ]
        for (view, problems) in [(StatusFixture.view, []), (view, ["not running: h3"]), (ClusterView(), ["no leader"])] {
            let json = try JSON(parsing: StatusJSON().text(cluster: "shop", view, problems: problems))
            #expect(schema.problems(json) == [], "\(json.prettyText)")
            #expect(json["deferred"]?.array?.isEmpty == view.members.isEmpty)
        }
        #expect(!schema.problems(["members": [], "scope": "shop", "problems": []]).isEmpty)
        #expect(!schema.problems(
            ["members": [["name": "h1", "role": "king", "state": "", "api_url": .null]], "scope": "shop",
             "problems": [], "deferred": []]).isEmpty)
    }

    @Test func `The JSON of a plan is as in its golden file`() throws {
        try expectGolden(String(decoding: try LegacyCluster.plan.encoded(), as: UTF8.self), "plan.json")
    }

    @Test func `The validator finds what does not fit`() throws {
        let schema = try Self.schema()
        func broken(_ change: (inout JSONObject) -> Void) throws -> [String] {
            var object = try #require(try json(LegacyCluster.plan).object)
            change(&object)
            return schema.problems(.object(object))
        }
        #expect(try broken { $0["cluster"] = nil }.contains { $0.contains("'cluster' is missing") })
        #expect(try broken { $0["surprise"] = true }.contains { $0.contains("'surprise' is not allowed") })
        #expect(try broken { $0["createdAt"] = 7 }.contains { $0.contains("/createdAt is no string") })
        #expect(try !broken { $0["steps"] = [["id": "x"]] }.isEmpty)
        #expect(try !broken { object in
            guard var step = object["steps"]?.array?[0].object else { return }
            step["effect"] = "explosion"
            object["steps"] = [.object(step)]
        }.isEmpty)
    }
}

/// The part of JSON Schema 2020-12 that our schema uses.
struct JSONSchema {
    var root: JSON

    func problems(_ value: JSON) -> [String] { problems(value, root, at: "") }

    private func problems(_ value: JSON, _ schema: JSON, at place: String) -> [String] {
        if let reference = schema["$ref"]?.string {
            let name = String(reference.dropFirst("#/$defs/".count))
            guard let target = root["$defs"]?[name] else { return ["the schema has no \(reference)"] }
            return problems(value, target, at: place)
        }
        if let options = schema["oneOf"]?.array {
            let results = options.map { problems(value, $0, at: place) }
            let fitting = results.count(where: \.isEmpty)
            if fitting == 1 { return [] }
            if fitting > 1 { return ["\(place) fits \(fitting) of the forms"] }
            // The form that comes nearest tells most.
            return results.min { $0.count < $1.count } ?? []
        }
        if let constant = schema["const"], constant != value { return ["\(place) is not \(constant.text)"] }
        if let words = schema["enum"]?.array, !words.contains(value) {
            return ["\(place) is \(value.text), not of the list"]
        }
        return typeProblems(value, schema["type"]?.string, at: place) + objectProblems(value, schema, at: place)
            + (value.array ?? []).enumerated().flatMap { index, item in
                schema["items"].map { problems(item, $0, at: "\(place)/\(index)") } ?? []
            }
    }

    private func typeProblems(_ value: JSON, _ type: String?, at place: String) -> [String] {
        let fits =
            switch type {
            case "string": value.string != nil
            case "integer": value.int != nil
            case "boolean": value.bool != nil
            case "array": value.array != nil
            case "object": value.object != nil
            default: true
            }
        return fits ? [] : ["\(place) is no \(type ?? "")"]
    }

    private func objectProblems(_ value: JSON, _ schema: JSON, at place: String) -> [String] {
        guard let object = value.object else { return [] }
        var found = (schema["required"]?.array ?? []).compactMap(\.string).filter { object[$0] == nil }
            .map { "\(place): '\($0)' is missing" }
        for (key, item) in object {
            if let known = schema["properties"]?[key] {
                found += problems(item, known, at: "\(place)/\(key)")
            } else if let others = schema["additionalProperties"] {
                if others == false {
                    found.append("\(place): '\(key)' is not allowed")
                } else if others.object != nil {
                    found += problems(item, others, at: "\(place)/\(key)")
                }
            }
        }
        return found
    }
}
