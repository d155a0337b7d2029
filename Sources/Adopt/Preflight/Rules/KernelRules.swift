import Facts
import PostgresModel

/// Kernel and memory of each host: will the server start there, and keep its time?
let kernelRules: [Rule] = [
    Rule(
        "memory.huge-pages", "huge pages suffice where they are asked for",
        fails: "huge_pages = on, and a replica has too few free ones",
        warns: "huge_pages = try, the primary uses them, a replica has too few",
        why: "With huge_pages = on a server that gets none does not start.",
        remedy: "sysctl vm.nr_hugepages on the replica.", .none
    ) { picture in
        guard let mode = picture.setting("huge_pages"), mode != "off", let needed = hugePagesNeeded(picture) else {
            return []
        }
        return picture.replicas.compactMap { host in
            if picture.isAdopted(host) || picture.standby(on: host) != nil {
                return .ok(host.name, "the server runs there")
            }
            guard let free = host.facts.kernel.hugePagesFree else { return nil }
            let summary = "\(needed) huge pages needed, \(free) free, huge_pages = \(mode)"
            if free >= needed { return .ok(host.name, summary) }
            if mode == "on" { return .fail(host.name, summary) }
            let used = (picture.primary?.facts.kernel.hugePagesTotal ?? 0) > 0
            return used ? .warn(host.name, summary) : .ok(host.name, summary + "; the primary has none either")
        }
    },
    Rule(
        "memory.shared", "shared memory fits into each replica",
        fails: "it takes over 90 % of a replica's memory, or more than kernel.shmmax with shared_memory_type = sysv",
        warns: "it takes over 60 %",
        why: "A server whose shared memory cannot be had does not start.",
        remedy: "More memory, or raise kernel.shmmax.", .human
    ) { picture in
        guard let size = sharedMemory(picture) else { return [] }
        return picture.replicas.compactMap { host in
            guard let memory = host.facts.system.memory, memory.rawValue > 0 else { return nil }
            let percent = Int(Double(size.rawValue) / Double(memory.rawValue) * 100)
            let summary = "\(size) of shared memory, \(percent) % of \(memory)"
            if picture.setting("shared_memory_type") == "sysv", let limit = host.facts.kernel.sharedMemoryMaximum,
                limit < size
            {
                return .fail(host.name, "\(summary); kernel.shmmax is \(limit)")
            }
            if percent > 90 { return .fail(host.name, summary) }
            return percent > 60 ? .warn(host.name, summary) : .ok(host.name, summary)
        }
    },
    Rule(
        "memory.dev-shm", "/dev/shm has room for parallel queries",
        warns: "it is smaller than 64 MiB, or than shared_buffers / 8",
        why: "Parallel queries put their memory there; in a container it is often 64 MB.",
        remedy: "Mount it larger.", .human
    ) { picture in
        guard picture.setting("dynamic_shared_memory_type") ?? "posix" == "posix" else { return [] }
        return picture.members.compactMap { host in
            guard let size = host.facts.kernel.devShmSize else { return nil }
            let wanted = max(
                ByteCount(64 << 20),
                picture.bytes("shared_buffers").map { ByteCount($0.rawValue / 8) } ?? ByteCount(0))
            return size < wanted
                ? .warn(host.name, "/dev/shm has \(size), \(wanted) would be right") : .ok(host.name, "\(size)")
        }
    },
    Rule(
        "kernel.semaphores", "semaphores suffice", fails: "kernel.sem allows fewer sets than the connections need",
        why: "A server that cannot get its semaphores does not start.",
        remedy: "Raise the fourth number of kernel.sem.", .none
    ) { picture in
        guard let connections = picture.number("max_connections") else { return [] }
        let others = ["autovacuum_max_workers", "max_worker_processes", "max_wal_senders"].compactMap(picture.number)
            .reduce(0, +)
        // Sixteen to a set; Linux builds use unnamed semaphores, which need none, but sysv ones are a build option.
        let sets = Int((connections + others + 7) / 16 + 1)
        return picture.replicas.compactMap { host in
            guard let limit = host.facts.kernel.semaphoreSets else { return nil }
            return limit < sets
                ? .fail(host.name, "\(limit) sets allowed, \(sets) needed") : .ok(host.name, "\(limit) sets allowed")
        }
    },
    Rule(
        "memory.overcommit", "the out-of-memory killer spares the postmaster",
        warns: "vm.overcommit_memory is not 2 and the postmaster is not protected (oom_score_adj)",
        why: "The kernel would end the postmaster first, because it looks the largest.",
        remedy: "OOMScoreAdjust=-900 in the unit, or vm.overcommit_memory = 2.", .service
    ) { picture in
        guard let primary = picture.primary, let score = picture.details?.oomScoreAdjust,
            let mode = primary.facts.kernel.overcommitMode
        else { return [] }
        let summary = "vm.overcommit_memory = \(mode), oom_score_adj = \(score)"
        return mode == 2 || score <= -500 ? [.ok(primary.name, summary)] : [.warn(primary.name, summary)]
    },
    Rule(
        "kernel.transparent-huge-pages", "transparent huge pages do not stall the server",
        warns: "they are `always` on",
        why: "Compaction stalls look like failures to whoever watches the server.",
        remedy:
            "Write `madvise` or `never` to /sys/kernel/mm/transparent_hugepage/enabled, and into the boot options.",
        .none
    ) { picture in
        picture.members.compactMap { host in
            guard let mode = host.facts.kernel.transparentHugePages else { return nil }
            return mode == "always" ? .warn(host.name, mode) : .ok(host.name, mode)
        }
    },
    Rule(
        "kernel.dirty-memory", "little unwritten data waits in memory",
        warns: "over 4 GiB may wait (vm.dirty_ratio, vm.dirty_bytes)",
        why: "A checkpoint's sync then stalls every write for the time the disk needs for it.",
        remedy: "vm.dirty_bytes = 1 GiB, vm.dirty_background_bytes = 256 MiB.", .none
    ) { picture in
        picture.members.compactMap { host in
            guard let limit = host.facts.kernel.dirtyLimit else { return nil }
            return limit > ByteCount(4 << 30) ? .warn(host.name, "up to \(limit)") : .ok(host.name, "up to \(limit)")
        }
    },
    Rule(
        "limits.open-files", "the server may open the files it wants",
        warns: "fewer than max_files_per_process",
        why: "At the limit the server closes and opens files all the time, and extensions fail at random.",
        remedy: "LimitNOFILE= in the unit; it takes effect at the next start.", .service
    ) { picture in
        guard let primary = picture.primary, let limit = picture.details?.openFiles else { return [] }
        let wanted = picture.number("max_files_per_process") ?? 1000
        let summary = "\(limit) open files, max_files_per_process = \(wanted)"
        return Int64(limit) < wanted ? [.warn(primary.name, summary)] : [.ok(primary.name, summary)]
    },
    Rule(
        "logind.remove-ipc", "nobody removes the server's shared memory",
        fails: "RemoveIPC=yes and the PostgreSQL user is no system user",
        why: "logind removes the user's shared memory and semaphores when its last session ends: the server crashes.",
        remedy: "RemoveIPC=no in logind.conf, then restart systemd-logind.", .service
    ) { picture in
        picture.members.compactMap { host in
            guard let removes = host.facts.kernel.removesIPC else { return nil }
            guard removes, let uid = host.facts.system.postgresUID, uid >= 1000 else {
                return .ok(host.name, removes ? "RemoveIPC=yes spares system users" : "RemoveIPC=no")
            }
            return .fail(host.name, "RemoveIPC=yes, and the PostgreSQL user has uid \(uid)")
        }
    },
    Rule(
        "host.steal", "the hypervisor gives what it promised", warns: "over 5 % of the time was taken away",
        why: "A host that is paused loses its lease, and with it the lead.",
        remedy: "Another machine, or a slower RTO class.", .human
    ) { picture in
        picture.hosts.compactMap { host in
            guard let steal = host.facts.kernel.stealPercent else { return nil }
            let shown =
                "\((steal * 10).rounded() / 10) % stolen since boot\(host.facts.kernel.virtualisation.map { ", on \($0)" } ?? "")"
            return steal > 5 ? .warn(host.name, shown) : .ok(host.name, shown)
        }
    },
    Rule(
        "watchdog.device", "the watchdog device is ours or nobody's",
        warns: "/dev/watchdog is there, but another program or only root has it",
        why: "It is the last line of fencing; the guard process does without, but where the device is, use it.",
        remedy: "A udev rule that gives the PostgreSQL user the device; stop the other program.", .service
    ) { picture in
        picture.members.map { host in
            guard let device = host.facts.kernel.watchdog else {
                return .ok(host.name, "none; the guard process fences")
            }
            if let user = host.facts.kernel.watchdogUser {
                return .warn(host.name, "/dev/watchdog is used by \(user)")
            }
            let owner = picture.postgres(host.spec).osUser ?? "postgres"
            return device.split(separator: " ").prefix(2).contains { $0 == owner }
                ? .ok(host.name, "/dev/watchdog belongs to \(owner)")
                : .warn(host.name, "/dev/watchdog belongs to \(device)")
        }
    },
    Rule(
        "kernel.pidfd", "the kernel tells when a process ends", fails: "a kernel before 5.3",
        why: "The guard holds the postmaster by a pidfd, so that it never stops another process by mistake.",
        remedy: "A newer kernel.", .human
    ) { picture in
        picture.members.compactMap { host in
            let parts = host.facts.system.kernel.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap {
                Int($0)
            }
            guard parts.count == 2 else { return nil }
            return (parts[0], parts[1]) >= (5, 3)
                ? .ok(host.name, host.facts.system.kernel) : .fail(host.name, "Linux \(host.facts.system.kernel)")
        }
    },
    Rule(
        "os.selinux", "SELinux knows the agent", warns: "it is enforcing",
        why: "Without a policy the agent runs unconfined or not at all, and files it makes have the wrong label.",
        remedy: "Watch ausearch during the first switchover; restorecon on new directories.", .human
    ) { picture in
        picture.members.map { host in
            let mode = host.facts.kernel.selinux ?? "none"
            return mode == "Enforcing"
                ? .warn(host.name, "SELinux is enforcing") : .ok(host.name, "SELinux: \(mode.lowercased())")
        }
    },
]

/// Huge pages that the primary's shared memory needs: 15 and later say it, before it is estimated from
/// shared_buffers and a tenth more.
private func hugePagesNeeded(_ picture: ClusterPicture) -> Int? {
    if let told = picture.number("shared_memory_size_in_huge_pages"), told > 0 { return Int(told) }
    guard let size = sharedMemory(picture) else { return nil }
    let page = picture.primary?.facts.kernel.hugePageSize?.rawValue ?? 2 << 20
    return page > 0 ? Int((size.rawValue + page - 1) / page) : nil
}

private func sharedMemory(_ picture: ClusterPicture) -> ByteCount? {
    if let told = picture.bytes("shared_memory_size"), told.rawValue > 0 { return told }
    return picture.bytes("shared_buffers").map { ByteCount($0.rawValue + $0.rawValue / 10 + 16 << 20) }
}
