/// The host's network as the host sees it.
public struct NetworkFacts: Codable, Equatable, Sendable {
    /// An interface that is up, loopback left out.
    public struct Interface: Codable, Equatable, Sendable {
        public var name: String
        public var mtu: Int?
        /// Megabits per second as the driver says; nil for virtual ones that do not know.
        public var megabits: Int?

        public init(name: String, mtu: Int? = nil, megabits: Int? = nil) {
            self.name = name
            self.mtu = mtu
            self.megabits = megabits
        }
    }

    /// Ten small echo requests and one of full size to another host.
    public struct Echo: Codable, Equatable, Sendable {
        public var host: String
        public var sent: Int
        public var received: Int
        /// Milliseconds; nil when none came back.
        public var average: Double?
        public var maximum: Double?
        /// False: small packets came back, one of 1,472 bytes that must not be split did not.
        public var carriesFullPackets: Bool?

        public init(
            host: String, sent: Int, received: Int, average: Double? = nil, maximum: Double? = nil,
            carriesFullPackets: Bool? = nil
        ) {
            self.host = host
            self.sent = sent
            self.received = received
            self.average = average
            self.maximum = maximum
            self.carriesFullPackets = carriesFullPackets
        }
    }

    public var interfaces: [Interface] = []
    /// The host's own addresses with their prefix, `10.0.0.1/24`.
    public var addresses: [String] = []
    /// Names of the inventory, and the addresses this host resolves each to, sorted.
    public var names: [String: [String]] = [:]
    /// Addresses of other hosts, and the address this host's packets to them come from.
    public var sourceAddresses: [String: String] = [:]
    public var echoes: [Echo] = []

    public init() {}
}
