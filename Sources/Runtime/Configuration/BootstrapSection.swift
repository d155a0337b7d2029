import JSON

extension AgentConfiguration {
    /// The `bootstrap` section: how a new cluster begins. Nobody reads it once the cluster exists.
    public struct Bootstrap: Hashable, Sendable {
        /// The first dynamic configuration of a new cluster.
        public var dcs: JSONObject
        /// The section is there: without it this member never begins a cluster (compatibility sheet b.2).
        public var isPresent: Bool
        /// How the data directory of a new cluster is made.
        public var method = Method.initdb
        /// Further arguments of initdb.
        public var initdbOptions: [ProgramOption] = []
        /// Lines added to the pg_hba.conf that initdb made; only where `postgresql.pg_hba` says nothing.
        public var pgHBA: [String] = []
        /// Run once on the new leader, with a connection string as its only argument.
        public var postBootstrap: CommandWords?

        public enum Method: Hashable, Sendable {
            case initdb
            case custom(name: String, CustomScript)
        }

        public init(dcs: JSONObject = .init(), isPresent: Bool = false) {
            self.dcs = dcs
            self.isPresent = isPresent || !dcs.isEmpty
        }
    }
}
