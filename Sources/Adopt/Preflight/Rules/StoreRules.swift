import Facts
import Inventory
import PostgresModel

/// The store: does it answer, and is it ours?
let storeRules: [Rule] = [
    Rule(
        "store.reach", "etcd answers",
        fails: "none can be read",
        warns: "some are silent",
        why: "The lease lives there; without it there is no leader.",
        remedy: "Start etcd, or correct `store.endpoints`.", .human
    ) { picture in
        let endpoints = picture.facts.store.endpoints
        if picture.isStoreToCome, !endpoints.contains(where: { $0.error == nil }) {
            let hosts = picture.storeHosts.map(\.0.name)
            return [.ok(nil, "none answers yet: the plan makes the store on \(listed(hosts))")]
        }
        guard endpoints.contains(where: { $0.error == nil }), picture.facts.store.keys != nil else {
            let reason = endpoints.compactMap(\.error).first ?? "no answer"
            return [
                .fail(
                    nil, "no endpoint could be read: \(reason.oneLine)",
                    remedy: "Start etcd, or correct store.endpoints in the inventory.", .human)
            ]
        }
        let silent = endpoints.filter { $0.error != nil }
        return silent.isEmpty
            ? [.ok(nil, "\(endpoints.count) endpoints answer")]
            : [
                .warn(
                    nil,
                    "\(silent.count) of \(endpoints.count) endpoints do not answer: \(listed(silent.map(\.endpoint)))",
                    remedy: "Bring them back before a second one fails.", .human)
            ]
    },
    Rule(
        "store.quorum", "etcd survives the loss of a member",
        warns: "fewer than three, or an even number",
        why: "An even number tolerates no more losses than the odd one below; a single member none at all.",
        remedy: "Three or five.", .human
    ) { picture in
        guard let count = picture.facts.store.memberCount else { return [] }
        if count >= 3, !count.isMultiple(of: 2) { return [.ok(nil, "\(count) members, \(count / 2) may be lost")] }
        return [
            .warn(
                nil, "\(count) member\(count == 1 ? "" : "s"), \((count - 1) / 2) may be lost",
                remedy: "Run three or five.", .human)
        ]
    },
    storePrefix,
]

private let storePrefix = Rule(
    "store.prefix", "no keys of another cluster",
    fails:
        "another system identifier, a running bootstrap, a live leader that is not this cluster's, or keys "
            + "without an owner",
    warns: "keys of this server from an earlier adoption; or no leader now",
    why: "Keys of a former cluster of the same name once made a real primary start as a follower.",
    remedy: "Another name, or delete keys no cluster uses.", .human
) { picture in
    guard let keys = picture.storeKeys, let identifier = picture.systemIdentifier else { return [] }
    let prefix = "/\(picture.spec.store.namespace.trimmingSlashes)/\(picture.spec.name)/"
    let reset = "Choose another name, or delete the keys below \(prefix) if no cluster uses them."
    if keys.isEmpty { return [.ok(nil, "nothing below \(prefix)")] }
    if let found = keys["initialize"], !found.isEmpty, found != identifier.description {
        return [
            .fail(
                nil, "\(prefix) belongs to system identifier \(found), the primary has \(identifier)", remedy: reset,
                .human)
        ]
    }
    if keys["initialize"]?.isEmpty == true {
        return [
            .fail(
                nil, "\(prefix) says that a bootstrap is running", remedy: "Wait for it, or delete the keys.", .human)
        ]
    }
    if let leader = keys["leader"] {
        if let host = picture.primary, host.name == leader, picture.isAdopted(host) {
            return [.ok(nil, "this cluster, led by \(leader)")]
        }
        return [
            .fail(
                nil, "\(prefix) has a live leader, \(leader), that is not the agent of the primary",
                remedy: "Stop the agents of that cluster, or correct the inventory.", .human)
        ]
    }
    if picture.members.contains(where: picture.isAdopted), keys["initialize"] != nil {
        return [.warn(nil, "this cluster, without a leader at the moment", remedy: "See pgadopt status.", .human)]
    }
    if keys["initialize"] != nil {
        return [
            .warn(
                nil, "\(keys.count) keys of this server left by an earlier adoption", remedy: "They are taken over.",
                .none)
        ]
    }
    return [.fail(nil, "\(keys.count) keys without an owner below \(prefix)", remedy: reset, .human)]
}
