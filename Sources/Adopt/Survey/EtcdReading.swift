import Certificates
import Facts

/// What the script tells of etcd.
enum EtcdReading {
    /// - Parameter now: seconds since 1970 on the host's clock.
    static func facts(_ record: SurveyRecord, directory: TargetFacts?, now: Double?) -> EtcdFacts {
        let unit = "/pgadopt-etcd@\(record.text("scope") ?? "").service"
        let processes = (record.text("processes") ?? "").split(separator: "\n").map(String.init)
        var facts = EtcdFacts(
            program: record.text("program"), version: record.text("version").flatMap(version),
            packageManager: record.text("manager"), candidate: record.text("policy").flatMap(candidate),
            foreign: processes.filter { !$0.hasSuffix(unit) }.map(name),
            isRunning: processes.contains { $0.hasSuffix(unit) }, isSetUp: record.text("setup") == "yes",
            directory: directory)
        if let now {
            facts.memberCertificateDays = record.text("member").flatMap { daysLeft($0, now) }
            facts.agentCertificateDays = record.text("agent").flatMap { daysLeft($0, now) }
        }
        return facts
    }

    /// `etcd Version: 3.4.23`
    static func version(_ text: String) -> String? {
        text.split(whereSeparator: \.isWhitespace).last.map(String.init).flatMap { $0.first?.isNumber == true ? $0 : nil }
    }

    /// The first package of `apt-cache policy` that has a candidate:
    ///
    ///     etcd-server:
    ///       Installed: (none)
    ///       Candidate: 3.4.23-4+b4
    static func candidate(_ text: String) -> EtcdFacts.Candidate? {
        var package: String?
        for line in text.split(separator: "\n") {
            if !line.hasPrefix(" "), line.hasSuffix(":") {
                package = String(line.dropLast())
            } else if let package, let value = line.range(ofText: "Candidate: ") {
                let version = String(line[value.upperBound...]).trimmed
                if version != "(none)" { return .init(package: package, version: version) }
            }
        }
        return nil
    }

    /// `4711 0::/system.slice/etcd.service`
    private static func name(_ line: String) -> String {
        let words = line.split(separator: " ", maxSplits: 1).map(String.init)
        let unit = words.last?.split(separator: "/").last.map(String.init) ?? ""
        return unit.hasSuffix(".service") ? unit : "process \(words.first ?? "?")"
    }

    private static func daysLeft(_ pem: String, _ now: Double) -> Int? {
        guard let content = try? CertificateContent(pem: pem) else { return nil }
        return Int((Double(content.end) - now) / 86_400)
    }
}
