import PostgresModel

/// What the kernel and the machine say of themselves: /proc, /sys, sysctl. Everything is optional: not every kernel
/// tells everything, and a container sees less.
public struct KernelFacts: Codable, Equatable, Sendable {
    /// `getconf LONG_BIT`
    public var wordBits: Int?
    public var hugePagesTotal: Int?
    public var hugePagesFree: Int?
    public var hugePageSize: ByteCount?
    /// The bracketed word of /sys/kernel/mm/transparent_hugepage/enabled: `always`, `madvise` or `never`.
    public var transparentHugePages: String?
    /// vm.overcommit_memory: 0 heuristic, 1 always, 2 strict.
    public var overcommitMode: Int?
    /// kernel.shmmax, and kernel.shmall in pages; capped to Int64.
    public var sharedMemoryMaximum: ByteCount?
    public var sharedMemoryPages: Int64?
    /// The fourth number of kernel.sem: how many semaphore sets there may be.
    public var semaphoreSets: Int?
    /// Size of the file system at /dev/shm.
    public var devShmSize: ByteCount?
    /// Dirty memory at which writers are stopped: vm.dirty_bytes, or vm.dirty_ratio percent of memory.
    public var dirtyLimit: ByteCount?
    /// Share of time since boot that the hypervisor took away, percent.
    public var stealPercent: Double?
    /// What systemd-detect-virt says, such as `kvm`; nil when it is none or unknown.
    public var virtualisation: String?
    /// Owner, group and mode of /dev/watchdog as `root root 600`; nil when there is no such device.
    public var watchdog: String?
    /// The program that has /dev/watchdog open, if one has.
    public var watchdogUser: String?
    /// Seconds after which connection tracking forgets an idle connection; nil without connection tracking.
    public var connectionTrackingIdle: Int?
    /// Lines of the kernel log that report input or output errors; nil when the log cannot be read.
    public var ioErrors: Int?
    /// Software RAID arrays that lack a disk.
    public var degradedArrays: [String] = []
    /// `Enforcing`, `Permissive` or `Disabled`; nil without SELinux.
    public var selinux: String?
    /// logind's RemoveIPC; nil when logind is not there.
    public var removesIPC: Bool?
    /// The version line of the time zone data, such as `2024a`.
    public var timeZoneData: String?

    public init() {}
}
