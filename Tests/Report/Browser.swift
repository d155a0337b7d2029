import FoundationEssentials
import Glibc

/// Debian's chromium without a display, looking at one page.
struct Browser {
    static let path: String? = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    private let directory: String
    private var page: String { "\(directory)/page.html" }

    init(page text: String) throws {
        var template = Array("/tmp/pgadopt-page-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw BrowserError(what: "no temporary directory") }
        directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        try Data(text.utf8).write(to: URL(filePath: page))
    }

    func remove() { try? FileManager.default.removeItem(atPath: directory) }

    /// The document as the browser understood it.
    func tree() throws -> String { String(decoding: try run(["--dump-dom"], "tree"), as: UTF8.self) }

    /// A picture in PNG form. `PGADOPT_SCREENSHOTS=DIRECTORY` keeps it there for a person to look at.
    func screenshot(width: Int, height: Int, dark: Bool = false) throws -> Data {
        let file = "\(directory)/picture.png"
        _ = try run(
            ["--screenshot=\(file)", "--window-size=\(width),\(height)", "--hide-scrollbars"]
                + (dark ? ["--blink-settings=preferredColorScheme=0"] : []), "picture")
        guard let data = FileManager.default.contents(atPath: file) else { throw BrowserError(what: "no picture") }
        if let kept = ProcessInfo.processInfo.environment["PGADOPT_SCREENSHOTS"] {
            try data.write(to: URL(filePath: "\(kept)/plan-\(data.count).png"))
        }
        return data
    }

    /// - Throws: when the browser fails or takes longer than a minute.
    private func run(_ options: [String], _ name: String) throws -> Data {
        let output = "\(directory)/\(name).out"
        let words = ["timeout", "60", Self.path ?? "", "--no-sandbox", "--disable-gpu"]
            + ["--user-data-dir=\(directory)/profile"] + options + ["file://\(page)"]
        let script = words.map { "'\($0)'" }.joined(separator: " ") + " >'\(output)' 2>'\(output).err' </dev/null"
        let status = system(script)
        guard status == 0 else { throw BrowserError(what: "the browser ended with \(status)") }
        return FileManager.default.contents(atPath: output) ?? Data()
    }
}

struct BrowserError: Error { var what: String }
