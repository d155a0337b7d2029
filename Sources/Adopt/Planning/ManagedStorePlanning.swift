import Facts
import Inventory
import PostgresModel

/// The etcd that pgadopt runs itself.
extension PlanContext {
    /// Empty: the inventory names an etcd of the owner's, or ours runs and its certificates are good for long.
    func managedStoreSteps() throws(PlanningError) -> [PlannedStep] {
        guard let managed = spec.store.managed else { return [] }
        let hosts = managed.members.compactMap { name in spec.hosts.first { $0.name == name } }
        try refuseOtherMembers(managed)
        guard !runs(managed, hosts) || needsCertificates(hosts) else { return [] }
        var steps = [authorityStep(managed)]
        for host in hosts { steps.append(try storeMemberStep(host, hosts, managed)) }
        for host in spec.members where isAdopted(host) || isStoreLost && hasAgent(host) {
            steps.append(storeClientStep(host, managed))
        }
        return steps + [managedStoreStep(hosts, managed)]
    }

    /// A member joins and leaves a running etcd by commands of its own, one at a time; a plan that started another one
    /// beside the old ones could take the majority away.
    private func refuseOtherMembers(_ managed: ManagedStoreSpec) throws(PlanningError) {
        let other = spec.hosts.first { host in
            !managed.members.contains(host.name) && facts.host(host.name)?.etcd?.isSetUp == true
        }
        guard let other else { return }
        throw PlanningError(
            .unsupported, host: other.name,
            "a member of the store is set up here, and by the inventory its members are "
                + managed.members.joined(separator: ", ")
                + "; keep roles and order of the hosts, or replace the member by hand (docs/store.md)")
    }

    /// True: agents rely on a store of ours, and it cannot be read from here: its certificates have ended or were
    /// lost, or its members are down. What the cluster is cannot be known then, and nothing but the store is touched.
    var isStoreLost: Bool {
        spec.store.managed != nil && facts.store.keys == nil && spec.members.contains(where: hasAgent)
    }

    /// An agent of this cluster has been given a certificate there.
    private func hasAgent(_ host: HostSpec) -> Bool {
        guard let facts = facts.host(host.name) else { return false }
        return facts.etcd?.agentCertificateDays != nil
    }

    private func runs(_ managed: ManagedStoreSpec, _ hosts: [HostSpec]) -> Bool {
        let answers = !facts.store.endpoints.isEmpty && facts.store.endpoints.allSatisfy { $0.error == nil }
        return answers && facts.store.keys != nil
            && hosts.allSatisfy { facts.host($0.name)?.etcd?.isSetUp == true }
    }

    /// A certificate that is not known to be good for long counts as one that ends.
    private func needsCertificates(_ hosts: [HostSpec]) -> Bool {
        let isShort = { (days: Int?) in (days ?? 0) < EtcdFacts.renewalDays }
        return isShort(facts.store.clientCertificateDays)
            || hosts.contains { isShort(facts.host($0.name)?.etcd?.memberCertificateDays) }
            || spec.members.contains { isAdopted($0) && isShort(facts.host($0.name)?.etcd?.agentCertificateDays) }
    }

    private func authorityStep(_ managed: ManagedStoreSpec) -> PlannedStep {
        PlannedStep(
            host: primary.name,
            kind: .storeAuthority(StoreAuthorityChange(
                name: "pgadopt store of \(spec.name)", directory: managed.directory,
                agents: spec.members.map(\.name))),
            effect: .none,
            summary: "make an authority for the store in \(managed.directory) on this machine, where it does not "
                + "exist, and certificates for the agents and this machine",
            estimate: StepEstimate(.milliseconds(200)), undo: "remove the authority and the certificates, if made here")
    }

    private func storeMemberStep(
        _ host: HostSpec, _ hosts: [HostSpec], _ managed: ManagedStoreSpec
    ) throws(PlanningError) -> PlannedStep {
        let etcd = facts.host(host.name)?.etcd
        var package: StoreMemberChange.Package?
        if etcd?.program == nil {
            guard let found = storePackage(etcd) else {
                throw PlanningError(
                    .missingFacts, host: host.name,
                    "no etcd is installed, and the host's package lists have none; refresh them, or name an etcd "
                        + "with store.endpoints")
            }
            package = found
        }
        let change = StoreMemberChange(
            member: host.name, package: package, program: etcd?.program ?? "/usr/bin/etcd", osUser: Layout.storeUser,
            directory: layout.store,
            configuration: FileWrite(
                path: layout.storeConfiguration, owner: Layout.storeUser, mode: "0640",
                content: storeConfiguration(host, hosts, managed)),
            unitFile: FileWrite(
                path: Layout.storeUnitTemplate,
                content: Self.storeUnitTemplate(program: etcd?.program ?? "/usr/bin/etcd")),
            unit: layout.storeUnit, authorityDirectory: managed.directory, names: certificateNames(host),
            ports: [managed.clientPort, managed.peerPort])
        let install = package.map { "install \($0.name) without its own service, and " } ?? ""
        return PlannedStep(
            host: host.name, kind: .storeMember(change), effect: .service,
            summary: "\(install)start \(change.unit), a member of the store, on ports \(managed.clientPort) and "
                + "\(managed.peerPort) with TLS",
            estimate: StepEstimate(package == nil ? .seconds(2) : .seconds(20)),
            undo: "stop and disable it, remove its data and certificates, and what was installed for it")
    }

    private func storePackage(_ etcd: EtcdFacts?) -> StoreMemberChange.Package? {
        guard let manager = etcd?.packageManager else { return nil }
        if manager == "apt-get" {
            return etcd?.candidate.map { .init(manager: manager, name: $0.package, unit: "etcd.service") }
        }
        // Whether their repositories have it is known when it is installed.
        return .init(manager: manager, name: "etcd", unit: "etcd.service")
    }

    private func storeClientStep(_ host: HostSpec, _ managed: ManagedStoreSpec) -> PlannedStep {
        let change = StoreClientChange(
            osUser: osUser(of: host),
            files: [
                .init(source: managed.authorityFile, path: "\(layout.secrets)/store-ca.pem"),
                .init(source: managed.certificateFile(of: host.name), path: "\(layout.secrets)/store-cert.pem"),
                .init(source: managed.keyFile(of: host.name), path: "\(layout.secrets)/store-key.pem"),
            ])
        return PlannedStep(
            host: host.name, kind: .storeClient(change), effect: .none,
            summary: "give the agent its new certificate for the store; it reads it at its next connection",
            estimate: StepEstimate(.milliseconds(300)), undo: "nothing: it replaces one that ends")
    }

    private func managedStoreStep(_ hosts: [HostSpec], _ managed: ManagedStoreSpec) -> PlannedStep {
        PlannedStep(
            host: primary.name,
            kind: .managedStore(ManagedStoreCheck(
                endpoints: spec.store.endpoints,
                units: Dictionary(hosts.map { ($0.name, layout.storeUnit) }, uniquingKeysWith: { $1 }),
                prefix: storePrefix)),
            effect: .none,
            summary: "wait until all \(hosts.count) members of the store answer, and prove it by a linearizable read",
            estimate: StepEstimate(.seconds(3)),
            undo: "nothing; refused while keys of others are in the store")
    }

    /// Peers are compared with where their connections come from: every address the host may use is named.
    private func certificateNames(_ host: HostSpec) -> [String] {
        let own = facts.host(host.name)?.network.addresses.compactMap {
            $0.split(separator: "/").first.map(String.init)
        } ?? []
        let usable = own.filter { !$0.hasPrefix("fe80:") && IPAddress($0) != nil }.sorted()
        return ([host.address] + usable + ["localhost", "127.0.0.1", "::1"])
            .reduce(into: []) { unique, name in if !unique.contains(name) { unique.append(name) } }
    }

    private func storeConfiguration(_ host: HostSpec, _ hosts: [HostSpec], _ managed: ManagedStoreSpec) -> String {
        let url = { (name: String, port: Int) in "https://\(HostPort(host: name, port: port))" }
        let own = facts.host(host.name)?.network.addresses.compactMap { $0.split(separator: "/").first } ?? []
        // A name, or an address that a router translates, is none that etcd can listen on.
        let all = host.address.contains(":") ? "::" : "0.0.0.0"
        let listen = own.contains(Substring(host.address)) ? host.address : all
        let cluster = hosts.map { "\($0.name)=\(url($0.address, managed.peerPort))" }.joined(separator: ",")
        let tls = """
              cert-file: \(layout.store)/tls/member.pem
              key-file: \(layout.store)/tls/member.key
              client-cert-auth: true
              trusted-ca-file: \(layout.store)/tls/ca.pem
            """
        return """
            # Written by pgadopt: the store of the cluster \(spec.name). pgadopt release removes it.
            name: "\(host.name)"
            data-dir: \(layout.store)/data
            listen-client-urls: \(url(listen, managed.clientPort))
            advertise-client-urls: \(url(host.address, managed.clientPort))
            listen-peer-urls: \(url(listen, managed.peerPort))
            initial-advertise-peer-urls: \(url(host.address, managed.peerPort))
            initial-cluster: "\(cluster)"
            initial-cluster-token: "pgadopt-\(spec.name)-\(control.systemIdentifier)"
            initial-cluster-state: new
            strict-reconfig-check: true
            auto-compaction-mode: periodic
            auto-compaction-retention: "1h"
            client-transport-security:
            \(tls)
            peer-transport-security:
            \(tls)

            """
    }

    /// Before= the agent: at a shutdown of the host the agent can still give its lease back. Nice and the first class
    /// of I/O: a busy server on the same host must not make the store miss its heartbeats.
    private static func storeUnitTemplate(program: String) -> String {
        """
        # Written by pgadopt; one instance a cluster. pgadopt release removes it.
        [Unit]
        Description=etcd of PostgreSQL cluster %i, managed by pgadopt
        After=network-online.target
        Wants=network-online.target
        Before=pgadopt-agent@%i.service
        StartLimitIntervalSec=0

        [Service]
        Type=notify
        User=\(Layout.storeUser)
        ExecStart=\(program) --config-file /var/lib/pgadopt/%i/etcd/etcd.conf.yml
        Restart=always
        RestartSec=1s
        Nice=-10
        IOSchedulingClass=best-effort
        IOSchedulingPriority=0
        OOMScoreAdjust=-800
        LimitNOFILE=65536
        TimeoutStartSec=infinity

        [Install]
        WantedBy=multi-user.target

        """
    }
}

/// Failures that a repair of the managed store puts right.
let checksRemediedByStoreRepair = ["store.reach", "store.certificates"]

extension Playbook {
    /// Nothing but the store.
    static let storeRepair = Playbook(
        cluster: [.step(.lock), .step(.managedStore)], replica: [], finish: [.step(.unlock)])
}

extension Layout {
    public static let storeUnitTemplate = "/etc/systemd/system/pgadopt-etcd@.service"
    /// The OS user of the distributions' packages.
    public static let storeUser = "etcd"
    public var storeUnit: String { "pgadopt-etcd@\(scope).service" }
    /// Of a managed store on one host: configuration, certificates and data.
    public var store: String { "\(state)/etcd" }
    public var storeConfiguration: String { "\(store)/etcd.conf.yml" }
}
