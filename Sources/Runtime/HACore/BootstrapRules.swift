import PostgresModel

/// A new cluster from an empty directory: who makes it, and what becomes of the claim when that fails.
enum BootstrapRules {
    static let all: [Rule] = [
        Rule(
            230, "bootstrap.claim-lost", .bootstrap,
            when: "the new cluster is being made, and the claim in `initialize` is not ours any more",
            then: "give it up",
            { $0.runningOperation == .bootstrap && $0.view != nil && !$0.claimIsOurs },
            { _, _ in
                Outcome(.cancelOperation, reason: "the claim in initialize is gone: giving the new cluster up")
            }),
        Rule(
            238, "bootstrap.running", .bootstrap,
            when: "the claim is ours and work is under way",
            then: "wait for its end",
            { $0.claimIsOurs && $0.isBusy },
            { s, _ in Outcome(reason: "\(s.runningOperation?.text ?? "work") under way; the claim is ours") }),
        Rule(
            231, "bootstrap.failed", .bootstrap,
            when: "making the new cluster has failed, and the claim is ours",
            then: "remove `initialize`, so that another member can try",
            { $0.claimIsOurs && $0.makingHasJustFailed != nil },
            { s, _ in
                let why = s.makingHasJustFailed?.message ?? ""
                return Outcome(
                    .removeInitialize(revision: s.view?.initializeRevision ?? 0),
                    reason: "making the new cluster failed (\(why)): removing the claim")
            }),
        Rule(
            232, "bootstrap.lead", .bootstrap,
            when: "the new cluster is made here (of a standby cluster: its copy runs), nobody leads, our lease is valid",
            then: "take the lock; the system identifier follows",
            { $0.claimIsOurs && $0.isLeaderless && $0.leaseIsValid && $0.leadsAsItShould },
            { s, _ in Outcome(.acquireLock, reason: "the new cluster is made: \(s.me) takes the lock") }),
        Rule(
            233, "bootstrap.begin-standby", .bootstrap,
            when: "the claim is ours, the data directory is empty, the cluster is to follow another one, and it is not paused",
            then: "copy the remote server",
            { $0.mayMakeTheCluster && $0.dataIsEmpty && $0.settings.standbyCluster != nil },
            { s, _ in
                guard let remote = s.settings.standbyCluster else { return Outcome(reason: "no remote server") }
                return Outcome(
                    .begin(.clone(from: remote)), reason: "standby cluster: copying \(remote.place)")
            }),
        Rule(
            234, "bootstrap.start-standby", .bootstrap,
            when: "the claim is ours, the copy of the remote server is there and does not run (and not paused)",
            then: "start it as a standby of the remote server",
            { $0.mayMakeTheCluster && $0.data != nil && $0.settings.standbyCluster != nil },
            { s, _ in
                Outcome(
                    .begin(.start(.standby(s.settings.standbyCluster))),
                    reason: "standby cluster: starting the copy of the remote server")
            }),
        Rule(
            235, "bootstrap.begin", .bootstrap,
            when: "the claim is ours, the data directory is empty, and the cluster is not paused",
            then: "make the new cluster",
            { $0.mayMakeTheCluster && $0.dataIsEmpty },
            { _, _ in Outcome(.begin(.bootstrap), reason: "the claim in initialize is ours: making the new cluster") }),
        Rule(
            236, "bootstrap.claim", .bootstrap,
            when: "nobody leads, `initialize` is missing, the data directory is empty, and this member may make a new "
                + "cluster, may lead and is not paused",
            then: "claim it by creating `initialize` empty; one member's transaction wins",
            { s in
                s.isLeaderless && s.view?.initialize == nil && s.isStopped && s.dataIsEmpty && !s.isBusy && !s.isPaused
                    && s.settings.mayBootstrap && s.settings.mayLead && s.leaseIsValid && !s.bootstrapBacksOff
            },
            { _, _ in Outcome(.claimInitialize, reason: "no cluster yet and no data here: claiming to make it") }),
        Rule(
            237, "bootstrap.wait", .bootstrap,
            when: "nobody leads, `initialize` is empty or missing, and the data directory is empty",
            then: "wait for the member that makes the cluster (for the end of the pause, when that is this one)",
            { $0.isLeaderless && $0.identity == .uninitialised && $0.isStopped && $0.dataIsEmpty && !$0.isBusy },
            { s, _ in
                Outcome(
                    reason: s.claimIsOurs ? "paused: the claim in initialize is ours, the new cluster waits"
                        : s.view?.initialize == nil ? "no cluster yet; this member waits for another to make it"
                        : "another member makes the cluster (if none does, remove the empty initialize key)",
                    wake: s.failure(of: .bootstrap)?.retryAt)
            }),
    ]
}

extension Situation {
    /// `initialize` stands empty as we have created it.
    var claimIsOurs: Bool {
        guard let claim = o.claim, let view else { return false }
        return view.initialize == "" && view.initializeRevision == claim
    }

    /// In pause mode nothing is copied, started or made, under a claim neither.
    fileprivate var mayMakeTheCluster: Bool { claimIsOurs && isStopped && !isPaused }

    fileprivate var leadsAsItShould: Bool { settings.standbyCluster == nil ? iAmPrimary : iAmStandby }

    fileprivate var bootstrapBacksOff: Bool { makingHasJustFailed != nil }

    /// An older failure counts no more: under the next claim it is tried again.
    fileprivate var makingHasJustFailed: Memory.Failure? {
        [failure(of: .bootstrap), failure(of: .clone)].compactMap { $0 }.first { $0.retryAt > now }
    }
}
