import ArgumentParser
import Execution
import Facts
import Planning
import SSH

extension ControlHost {
    /// Members of the adopted cluster that the inventory does not name any more, from the plans that the members keep;
    /// with the reason, for each that cannot be reached. Reads only.
    /// - Parameter gone: hosts that the operator says will not come back.
    func departures(_ facts: ClusterFacts, gone: [String]) async throws -> [Departure] {
        let keys = facts.store.keys ?? [:]
        guard keys["initialize"] != nil else { return try checked([], gone) }
        let shells = try await shells()
        let plans: Result<[Plan], any Error>
        do { plans = .success(try await KeptAdoption.plansInForce(spec, shells)) } catch { plans = .failure(error) }
        for shell in shells.values { await shell.disconnect() }
        let members = keys.keys.filter { $0.hasPrefix("members/") }.map { String($0.dropFirst("members/".count)) }
        var departures = Departure.all(from: try plans.get(), inventory: spec, members: Set(members))
        for index in departures.indices {
            departures[index].isGone = gone.contains(departures[index].host.name)
            departures[index].unreachable = await obstacle(departures[index])
        }
        return try checked(departures, gone)
    }

    private func obstacle(_ departure: Departure) async -> String? {
        do {
            let shell = try await shell(for: departure.host)
            defer { Task { await shell.disconnect() } }
            _ = try await shell.run("true", as: .root)
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func checked(_ departures: [Departure], _ gone: [String]) throws -> [Departure] {
        for name in gone where !departures.contains(where: { $0.host.name == name }) {
            let names = departures.map(\.host.name).joined(separator: ", ")
            throw ValidationError(
                "--gone \(name): it is for members that the inventory does not name any more"
                    + (names.isEmpty ? ", and there is none" : ": \(names)"))
        }
        return departures
    }
}
