/// The command line a postmaster was started with, from postmaster.opts or /proc/PID/cmdline.
public struct PostmasterOptions: Equatable, Sendable {
    /// Arguments after the program's name.
    public var arguments: [String]

    public init(arguments: [String]) { self.arguments = arguments }

    /// postmaster.opts: the program, then each argument in double quotes (CreateOptsFile in postmaster.c, which
    /// escapes nothing).
    public init(parsingFile text: String) {
        let line = text.split(separator: "\n").first.map(String.init) ?? ""
        let parts = line.split(separator: "\"", omittingEmptySubsequences: false)
        // Odd elements lie between quotes.
        arguments = parts.enumerated().filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }

    /// Behind this option come ours: a name of our own that PostgreSQL accepts and does nothing with.
    static let marker = "pgadopt.options=below"

    /// The options the owner gave, without those we give ourselves: the data directory and `config_file`.
    /// Both ways to write a setting (`-c name=value`, `--name=value`) are known.
    public var carriedOver: [String] {
        var kept: [String] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "-D": _ = rest.popFirst()
            case "-c":
                guard let setting = rest.popFirst() else { break }
                if setting == Self.marker { return kept }
                if !Self.isOurs(setting) { kept += ["-c", setting] }
            default:
                if argument.hasPrefix("-D") || argument.hasPrefix("--") && Self.isOurs(String(argument.dropFirst(2))) {
                    break
                }
                kept.append(argument)
            }
        }
        return kept
    }

    private static func isOurs(_ setting: String) -> Bool {
        let name = setting.prefix { $0 != "=" }.map { $0 == "-" ? "_" : $0 }
        return ["config_file", "data_directory"].contains(String(name).lowercased())
    }
}
