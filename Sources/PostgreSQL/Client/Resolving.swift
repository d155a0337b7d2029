import Glibc
import Kernel

/// libpq resolves names inside PQconnectStart, without a deadline. Resolved here first, on a thread of its own,
/// and handed over as `hostaddr`; `host` stays for certificates and error texts.
func resolved(_ settings: [String: String]) async throws -> [String: String] {
    guard let host = settings["host"], settings["hostaddr"] == nil, !host.isEmpty, !host.hasPrefix("/"),
        !host.hasPrefix("@"), !host.contains(",")
    else { return settings }
    let addresses: [String] = try await onOwnThread { lookUp(host) }
    guard !addresses.isEmpty else {
        throw PostgresError(.cannotConnect, "the name \(host) cannot be resolved")
    }
    // Several addresses are tried in order, each with its own host, as libpq wants the lists equally long.
    var settings = settings
    settings["hostaddr"] = addresses.joined(separator: ",")
    settings["host"] = Array(repeating: host, count: addresses.count).joined(separator: ",")
    if let port = settings["port"], !port.contains(",") {
        settings["port"] = Array(repeating: port, count: addresses.count).joined(separator: ",")
    }
    return settings
}

private func lookUp(_ host: String) -> [String] {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, nil, &hints, &list) == 0, let first = list else { return [] }
    defer { freeaddrinfo(first) }
    var found: [String] = []
    for entry in sequence(first: first, next: { $0.pointee.ai_next }) {
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let info = entry.pointee
        guard getnameinfo(info.ai_addr, info.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
        else { continue }
        let address = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        if !found.contains(address) { found.append(address) }
    }
    return found
}
