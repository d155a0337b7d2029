import Planning

/// The lead goes to another member before a plan is taken back.
public struct LeadHandover: Equatable, Sendable {
    /// The number of the plan before which it happens, from 0.
    public var before: Int
    public var from: String
    public var to: String

    public init(before: Int, from: String, to: String) {
        self.before = before
        self.from = from
        self.to = to
    }

    /// As few as there can be: a plan that needs nobody in particular is taken back under the leader that the next one
    /// needs, so that what it gives back is not needed for a hand-over any more.
    /// - Parameters:
    ///   - needs: who must lead for each plan, in the order of the release; nil: anybody.
    ///   - leader: who leads now; nil: nobody, and nothing can be handed over.
    public static func all(needs: [String?], leader: String?) -> [LeadHandover] {
        guard var leader else { return [] }
        var handovers: [LeadHandover] = []
        for index in needs.indices {
            guard let wanted = needs[index...].lazy.compactMap({ $0 }).first, wanted != leader else { continue }
            handovers.append(LeadHandover(before: index, from: leader, to: wanted))
            leader = wanted
        }
        return handovers
    }

    /// What a person must know, and do, who has not said that the lead may be handed over.
    public static func refusal(_ handovers: [LeadHandover], _ cluster: String) -> ExecutionError? {
        guard let first = handovers.first else { return nil }
        let order = handovers.map { "to \($0.to)" }.joined(separator: ", then ")
        return ExecutionError(
            .blocked, host: first.from,
            "\(first.from) leads \(cluster), and what is taken back is the adoption of \(first.to): its files, its "
                + "roles and its slots. The lead must go \(order) first. Nothing was done",
            remedy: "Add --switch-back: the lead is handed over, which disconnects clients "
                + (handovers.count == 1 ? "once" : "\(handovers.count) times")
                + ". Where \(first.to) is gone for good: pgadopt release plan.json --without \(first.to).")
    }
}

extension KeptAdoption {
    /// One for each plan, the newest first.
    /// - Parameter saved: the operator's own file of an adoption, with its journal in `environment`: it comes last, after
    ///   the plans that changed the cluster later. Nil: all that is kept.
    public func releasers(
        _ environment: ExecutionEnvironment, replicas: ReplicaFate?, after saved: Plan? = nil
    ) -> [Releaser] {
        let later = plans.filter { kept in
            guard let saved else { return true }
            return kept.plan != saved && kept.plan.createdAt > saved.createdAt && !kept.inForce.steps.isEmpty
        }
        var releasers: [Releaser] = []
        for index in later.indices.reversed() {
            var own = environment
            own.journal = later[index].journal
            var releaser = Releaser(plan: later[index].plan, environment: own, replicas: replicas)
            for older in later[..<index] where !older.inForce.steps.isEmpty { releaser.keepsState.formUnion(older.hosts) }
            if let saved { releaser.keepsState.formUnion(saved.steps.map(\.host) + [saved.primary.host]) }
            releaser.laterMembers = later[(index + 1)...].flatMap(\.slotMembers)
            releasers.append(releaser)
        }
        if let saved {
            var releaser = Releaser(plan: saved, environment: environment, replicas: replicas)
            releaser.laterMembers = later.flatMap(\.slotMembers)
            releasers.append(releaser)
        }
        for index in releasers.indices { releasers[index].left = left }
        return releasers
    }
}

extension Plan {
    /// One line on a plan, for a person who reads several of them.
    public var title: String {
        let came = steps.compactMap { if case .agent(let change) = $0.kind { change.member } else { nil } }
        let went = leaving?.map(\.name) ?? []
        let words = (came.isEmpty ? [] : ["adds \(came.joined(separator: ", "))"])
            + (went.isEmpty ? [] : ["lets \(went.joined(separator: ", ")) leave"])
        return "\(createdAt), under \(primary.host): "
            + (adoptsPrimary ? "adopts \(came.joined(separator: ", "))" : words.isEmpty ? "changes" : words.joined(separator: "; "))
    }
}
