import Etcd
import Execution

/// The store as the steps of an adoption need it, over the tool's etcd client.
struct EtcdAdoptionStore: AdoptionStore {
    let client: EtcdClient
    private let timeout = Duration.seconds(5)

    init(client: EtcdClient) { self.client = client }

    func createOnly(_ key: String, _ value: String) async throws -> Bool {
        do {
            return try await client.txn(
                Transaction(compares: [.absent(key)], success: [.put(key: key, value: Array(value.utf8), lease: 0)]),
                timeout: timeout
            ).succeeded
        } catch let error as EtcdError where error.isAmbiguous {
            // Sent and not answered: what the store says now is the truth.
            let found = try await client.range(.key(key), timeout: timeout).keyValues.first
            guard let found else { throw error }
            return String(decoding: found.value, as: UTF8.self) == value
        }
    }

    func read(prefix: String) async throws -> [String: String] {
        let range = try await client.range(prefix: prefix, timeout: timeout)
        return Dictionary(
            range.keyValues.map { ($0.keyText, String(decoding: $0.value, as: UTF8.self)) },
            uniquingKeysWith: { first, _ in first })
    }

    func replace(_ key: String, ifValue value: String, with new: String) async throws {
        _ = try await client.txn(
            Transaction(
                compares: [Compare(key, .value(Array(value.utf8)))],
                success: [.put(key: key, value: Array(new.utf8), lease: 0)]),
            timeout: timeout)
    }

    func silentEndpoints() async -> [String: String] {
        await withTaskGroup(of: (String, String?).self) { group in
            for endpoint in client.configuration.endpoints {
                group.addTask {
                    do {
                        let status = try await client.status(of: endpoint, timeout: .seconds(3))
                        return (endpoint.description, status.leader == 0 ? "it has no leader" : status.errors.first)
                    } catch {
                        return (endpoint.description, "\(error)")
                    }
                }
            }
            var silent: [String: String] = [:]
            for await (endpoint, reason) in group { silent[endpoint] = reason }
            return silent
        }
    }

    func delete(_ key: String, ifValue value: String) async throws {
        _ = try await client.txn(
            Transaction(compares: [Compare(key, .value(Array(value.utf8)))], success: [.delete(.key(key))]),
            timeout: timeout)
    }
}
