import Kernel

/// The directory of the programs that were built with these tests: that of the test program.
public func builtPrograms() -> String {
    let me = linkTarget("/proc/self/exe") ?? ""
    let line = ((try? readSmallText("/proc/self/cmdline")) ?? "").split(separator: "\0").map(String.init)
    let bundle = ([me] + CommandLine.arguments + line).first { $0.hasSuffix(".xctest") } ?? ""
    return bundle.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }
}
