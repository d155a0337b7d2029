import Facts
import PostgresModel

/// The `kernel` record as facts.
enum KernelReading {
    static func facts(_ record: SurveyRecord) -> KernelFacts {
        var facts = KernelFacts()
        let memory = meminfo(record.text("meminfo") ?? "")
        facts.wordBits = record.int("bits")
        facts.hugePagesTotal = memory["HugePages_Total"].map { Int($0) }
        facts.hugePagesFree = memory["HugePages_Free"].map { Int($0) }
        facts.hugePageSize = memory["Hugepagesize"].map { ByteCount($0 * 1024) }
        facts.transparentHugePages = record.text("thp").flatMap(bracketed)
        facts.overcommitMode = record.int("overcommit")
        facts.sharedMemoryMaximum = record.text("shmmax").flatMap(capped).map { ByteCount($0) }
        facts.sharedMemoryPages = record.text("shmall").flatMap(capped)
        let semaphores = (record.text("sem") ?? "").split(whereSeparator: { $0.isWhitespace })
        facts.semaphoreSets = semaphores.count == 4 ? Int(semaphores[3]) : nil
        facts.devShmSize = record.text("devshm").flatMap(CommandOutput.totalSpace)
        facts.dirtyLimit = dirtyLimit(record, total: memory["MemTotal"])
        facts.stealPercent = record.text("cpu").flatMap(steal)
        let machine = record.text("machine")?.trimmed
        facts.virtualisation = machine == "none" ? nil : machine
        facts.watchdog = record.text("watchdog")?.trimmed
        facts.watchdogUser = record.text("watchdoguser")?.trimmed
        facts.connectionTrackingIdle = record.int("conntrack")
        facts.ioErrors = record.int("ioerrors")
        facts.degradedArrays = degraded(record.text("mdstat") ?? "")
        facts.selinux = record.text("selinux")?.trimmed
        facts.removesIPC = record.text("removeipc").flatMap { ["b true": true, "b false": false][$0.trimmed] }
        facts.timeZoneData = record.text("zone").map { text in
            text.split(separator: " ").last.map { $0.trimmed } ?? text
        }
        return facts
    }

    /// `Name:   value kB` lines.
    private static func meminfo(_ text: String) -> [String: Int64] {
        var values: [String: Int64] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(whereSeparator: { $0 == ":" || $0 == " " })
            if parts.count > 1 { values[String(parts[0])] = Int64(parts[1]) }
        }
        return values
    }

    /// `always [madvise] never`: the word in brackets.
    static func bracketed(_ text: String) -> String? {
        guard let open = text.firstIndex(of: "["), let close = text.firstIndex(of: "]"), open < close else { return nil }
        return String(text[text.index(after: open)..<close])
    }

    /// Kernel limits go up to the largest unsigned number.
    private static func capped(_ text: String) -> Int64? { UInt64(text.trimmed).map { Int64(clamping: $0) } }

    private static func dirtyLimit(_ record: SurveyRecord, total: Int64?) -> ByteCount? {
        if let bytes = record.int("dirtybytes"), bytes > 0 { return ByteCount(Int64(bytes)) }
        guard let ratio = record.int("dirtyratio"), let total else { return nil }
        return ByteCount(total * 1024 / 100 * Int64(ratio))
    }

    /// `cpu user nice system idle iowait irq softirq steal ...`, in ticks since boot.
    static func steal(_ line: String) -> Double? {
        let values = line.split(separator: " ").dropFirst().compactMap { Double($0) }
        guard values.count >= 8 else { return nil }
        let total = values.prefix(8).reduce(0, +)
        return total > 0 ? values[7] / total * 100 : nil
    }

    /// /proc/mdstat: an array's line, and below it `[UU_]` with a gap for each missing disk.
    static func degraded(_ text: String) -> [String] {
        var name: String?
        var found: [String] = []
        for line in text.split(separator: "\n") {
            if line.hasPrefix("md"), let end = line.firstIndex(of: " ") { name = String(line[..<end]) }
            guard let array = name, let open = line.lastIndex(of: "["), line.hasSuffix("]") else { continue }
            let disks = line[line.index(after: open)...].dropLast()
            if !disks.isEmpty, disks.allSatisfy({ $0 == "U" || $0 == "_" }), disks.contains("_") { found.append(array) }
        }
        return found
    }
}
