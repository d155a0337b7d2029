import API
import Cluster
import HACore
import JSON
import PostgresModel
import Timekeeping

/// Failsafe mode (Patroni b.9): an outage of the store alone demotes nobody. A leader that cannot renew its lease
/// asks every member; when all of them accept, none of them takes part in a race for another ttl, and the leader
/// may lead for that long.
struct FailsafeState {
    /// As leader: all members accepted a question sent at `leadUntil` - ttl + margin.
    var leadUntil: BootInstant?
    /// As leader: a round is under way.
    var isAsking = false
    /// As leader: members of lists that were sent to the store and not confirmed. One of them may be in force, and
    /// whoever is in it takes part in a race unless it is asked.
    var sent: [String: String] = [:]
    /// As leader: the list that was last left for writing.
    var posted: [String: String] = [:]
    /// As member: the leader we accepted, and until when.
    var accepted: (leader: String, until: BootInstant)?
    /// As member: where the slots of the leader that we accepted are; `status` in the store tells nothing new.
    var slots: [String: LSN] = [:]

    /// As leader: who is in the list has accepted us, or is being asked. Another list waits until no promise counts any
    /// more: whoever is new in it would take part in a race and was never asked.
    func reliesOnList(at now: BootInstant) -> Bool { isAsking || leadUntil.map { $0 > now } ?? false }

    /// Another leader may rely on our staying out of a race.
    func hasPromised(at now: BootInstant, me: String) -> Bool {
        accepted.map { $0.until > now && $0.leader != me } ?? false
    }
}

extension Agent {
    /// Until then nobody else can lead: by our lease, or because every member has promised it. Nil without either.
    var leadDeadline: BootInstant? {
        var moments: [BootInstant] = []
        if case .held(_, let deadline) = state.lease { moments.append(deadline) }
        if state.memory.leads, let until = state.failsafe.leadUntil { moments.append(until) }
        return moments.max()
    }

    /// Starts a round of questions when we lead and the store does not answer.
    func askFailsafeIfNeeded() {
        guard dynamic.failsafeMode, state.memory.leads, !state.failsafe.isAsking, storeIsSilent,
            let members = state.view?.failsafe, members[me] != nil,
            // Each answer rings the bell, and each round costs every member a write: not before a part of it is used up.
            state.failsafe.leadUntil.map({ $0 - clock.now < dynamic.ttl * 3 / 4 }) ?? true
        else { return }
        state.failsafe.isAsking = true
        let others = members.merging(state.failsafe.sent) { $1 }.filter { $0.key != me }
        let sent = clock.now
        let body = failsafeBody()
        let client = peers.client
        Task {
            let refusals = await Self.ask(others, body: body, client: client)
            await self.failsafeAnswered(sent: sent, refusals: refusals)
        }
    }

    private var storeIsSilent: Bool {
        switch state.store {
        case .unreachable, .regressed: return true
        case .unknown, .connected: break
        }
        guard case .held(_, let deadline) = state.lease else { return false }
        // A keepalive is overdue: half of the lease is gone.
        return deadline - clock.now < dynamic.ttl / 2
    }

    private func failsafeBody() -> String {
        let body: JSON = [
            "name": .string(me),
            "conn_url": .string("postgres://\(replicationAddress)/postgres"),
            "api_url": .string(configuration.apiURL),
            "slots": StatusKey(slots: slotPositions(state.details)).json["slots"] ?? [:],
        ]
        return body.text
    }

    /// Asks all at once; returns who did not accept, with the reason.
    private static func ask(_ members: [String: String], body: String, client: APIClient) async -> [String] {
        await withTaskGroup(of: String?.self) { group in
            for (name, url) in members {
                group.addTask {
                    let base = url.hasSuffix("/patroni") ? String(url.dropLast("/patroni".count)) : url
                    do {
                        let answer = try await client.request(
                            "POST", base + "/failsafe", body: body, deadline: .seconds(2))
                        return answer.status == 200 ? nil : "\(name) answered \(answer.status)"
                    } catch {
                        return "\(name) did not answer"
                    }
                }
            }
            return await group.reduce(into: []) { if let refusal = $1 { $0.append(refusal) } }
        }
    }

    private func failsafeAnswered(sent: BootInstant, refusals: [String]) async {
        state.failsafe.isAsking = false
        guard refusals.isEmpty else {
            log.warning("failsafe: \(refusals.sorted().joined(separator: ", ")); the lease is not extended")
            return
        }
        guard state.memory.leads else { return }
        let until = sent + dynamic.ttl - leaseMargin
        if state.failsafe.leadUntil.map({ $0 < clock.now }) ?? true {
            log.notice("failsafe: the store is silent and every member accepts \(me) as the leader")
        }
        state.failsafe.leadUntil = until
        if case .armed(let deadline) = state.guardian, until > deadline { await moveGuard(to: until) }
        bell.ring()
    }

    /// What a lease's deadline stays short of its ttl: a tenth of it, 0.5 s to 2 s, as the lease keeper has it.
    private var leaseMargin: Duration { min(max(dynamic.ttl / 10, .milliseconds(500)), .seconds(2)) }

    private var failsafeFile: String { configuration.stateDirectory + "/failsafe" }

    /// What the agent before us promised still holds.
    func recallFailsafePromise() {
        guard let promise = FailsafePromise(readFrom: failsafeFile, now: clock.now, ttl: dynamic.ttl) else { return }
        log.notice("an agent before this one accepted \(promise.leader) as the leader; its promise is kept")
        state.failsafe.accepted = (promise.leader, promise.until)
    }

    /// A leader without a store asks us.
    func acceptFailsafe(_ claim: FailsafeClaim) -> APIResponse {
        let leader = claim.leader
        guard dynamic.failsafeMode else { return .text("Failsafe mode is disabled", status: 502) }
        if case .running(let server) = state.server.process, !server.isInRecovery {
            return .text("Running as a leader", status: 500)
        }
        if let view = state.view, let known = view.leader?.name, known != leader, case .connected = state.store {
            return .text("\(known) leads", status: 500)
        }
        if let objection = state.claim.objectionToPromise { return .text(objection, status: 500) }
        let promise = FailsafePromise(leader: leader, until: clock.now + dynamic.ttl)
        do {
            // On disk before the answer: an agent that restarts must keep the promise of the one before it.
            try promise.write(to: failsafeFile)
        } catch {
            return .text("the promise cannot be kept: \(error)", status: 500)
        }
        state.failsafe.accepted = (promise.leader, promise.until)
        state.failsafe.slots = claim.slots
        var answer = APIResponse.text("Accepted", status: 200)
        if case .running(let server) = state.server.process { answer.headers["lsn"] = String(server.lsn.rawValue) }
        return answer
    }
}
