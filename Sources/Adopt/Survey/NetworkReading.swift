import Facts
import PostgresModel

/// The records of the host's network as facts.
enum NetworkReading {
    static func facts(_ records: [SurveyRecord]) -> NetworkFacts {
        var facts = NetworkFacts()
        for record in records {
            switch record.kind {
            case "addresses": facts.addresses = addresses(record.text("text") ?? "")
            case "interface":
                // Drivers that do not know say -1 or nothing.
                let speed = record.int("speed").flatMap { $0 > 0 ? $0 : nil }
                facts.interfaces.append(
                    .init(name: record.text("name") ?? "", mtu: record.int("mtu"), megabits: speed))
            case "resolved":
                let lines = (record.text("text") ?? "").split(separator: "\n")
                let found = Set(lines.compactMap { $0.split(separator: " ").first.map(String.init) })
                if let name = record.text("name") { facts.names[name] = found.sorted() }
            case "route":
                if let peer = record.text("peer"), let source = record.text("text").flatMap(source) {
                    facts.sourceAddresses[peer] = source
                }
            case "echo": echo(record).map { facts.echoes.append($0) }
            default: break
            }
        }
        return facts
    }

    /// `ip -o addr`: the word behind `inet` or `inet6`; or plain addresses, as `hostname -I` prints them.
    static func addresses(_ text: String) -> [String] {
        let words = text.split(whereSeparator: { $0.isWhitespace })
        let marked = zip(words, words.dropFirst()).filter { $0.0 == "inet" || $0.0 == "inet6" }.map { String($0.1) }
        return marked.isEmpty ? words.map(String.init).filter { IPAddress($0) != nil } : marked
    }

    /// `10.0.0.2 dev eth0 src 10.0.0.1 uid 0`
    static func source(_ text: String) -> String? {
        let words = text.split(whereSeparator: { $0.isWhitespace })
        return zip(words, words.dropFirst()).first { $0.0 == "src" }.map { String($0.1) }
    }

    private static func echo(_ record: SurveyRecord) -> NetworkFacts.Echo? {
        guard let peer = record.text("peer"), let small = record.text("small").flatMap(counts) else { return nil }
        var echo = NetworkFacts.Echo(host: peer, sent: small.sent, received: small.received)
        (echo.average, echo.maximum) = times(record.text("small") ?? "")
        if small.received > 0 {
            let full = record.text("full") ?? ""
            // An interface of ours that is too small says so itself: then nothing is hidden.
            if let count = counts(full), !full.lowercased().contains("message too long") {
                echo.carriesFullPackets = count.received > 0
            }
        }
        return echo
    }

    /// `10 packets transmitted, 10 received, 0% packet loss, time 1806ms`
    static func counts(_ text: String) -> (sent: Int, received: Int)? {
        for line in text.split(separator: "\n") where line.contains("packets transmitted") {
            let numbers = line.split(separator: ",").compactMap { part in
                part.split(separator: " ").first.flatMap { Int($0) }
            }
            if numbers.count >= 2 { return (numbers[0], numbers[1]) }
        }
        return nil
    }

    /// `rtt min/avg/max/mdev = 0.021/0.025/0.030/0.003 ms`
    static func times(_ text: String) -> (average: Double?, maximum: Double?) {
        guard let line = text.split(separator: "\n").last(where: { $0.contains("min/avg/max") }),
            let values = line.split(separator: "=").last?.split(separator: "/"), values.count >= 3
        else { return (nil, nil) }
        return (Double(values[1].trimmed), Double(values[2].trimmed))
    }
}
