import Facts
import Inventory

extension Verification {
    /// The certificates of a managed store: when they end, every lease ends with them.
    func storeCertificates() -> [Verdict] {
        guard let managed = spec.store.managed else { return [] }
        var ends: [(host: String?, owner: String, days: Int?)] = [
            (nil, "this machine", facts.store.clientCertificateDays)
        ]
        for host in facts.hosts {
            if managed.members.contains(host.host) {
                ends.append((host.host, "the store", host.etcd?.memberCertificateDays))
            }
            if spec.members.contains(where: { $0.name == host.host }) {
                ends.append((host.host, "the agent", host.etcd?.agentCertificateDays))
            }
        }
        let bad = ends.filter { ($0.days ?? 0) < EtcdFacts.renewalDays }
        guard !bad.isEmpty else {
            let first = ends.compactMap(\.days).min() ?? 0
            return [Verdict("store.certificates", .ok, "the first of \(ends.count) certificates ends in \(first) days")]
        }
        return bad.map { host, owner, days in
            Verdict(
                "store.certificates", host: host, (days ?? 0) < 7 ? .fail : .warn,
                days.map { "the certificate of \(owner) ends in \($0) days" }
                    ?? "the certificate of \(owner) cannot be read",
                remedy: "Renew it: pgadopt plan INVENTORY --out plan.json, then pgadopt apply plan.json.")
        }
    }
}
