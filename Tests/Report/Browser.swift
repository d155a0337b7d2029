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
        return try result(file, keptAs: "plan-\(width)\(dark ? "-dark" : "").png")
    }

    /// The page as it is printed, in PDF form.
    func print() throws -> Data {
        let file = "\(directory)/print.pdf"
        _ = try run(["--print-to-pdf=\(file)", "--no-pdf-header-footer"], "print")
        return try result(file, keptAs: "plan.pdf")
    }

    private func result(_ file: String, keptAs name: String) throws -> Data {
        guard let data = FileManager.default.contents(atPath: file) else { throw BrowserError(what: "no \(name)") }
        if let kept = ProcessInfo.processInfo.environment["PGADOPT_SCREENSHOTS"] {
            try data.write(to: URL(filePath: "\(kept)/\(name)"))
        }
        return data
    }

    /// A page that, shown by the browser, measures this one in frames: what `script` returns for each of `widths`.
    /// The page itself runs nothing; the frame's parent does.
    func measure(_ widths: [Int], _ script: String) throws -> [String] {
        let frames = widths.map { "<iframe width=\($0) height=900 src=page.html></iframe>" }.joined()
        let parent = """
            <!doctype html><meta charset=utf-8><body>\(frames)<ol></ol><script>
            const look = (document) => { \(script) };
            onload = () => { for (const frame of document.querySelectorAll('iframe')) {
              const item = document.createElement('li');
              item.textContent = look(frame.contentDocument); document.querySelector('ol').append(item); } };
            </script>
            """
        try Data(parent.utf8).write(to: URL(filePath: "\(directory)/parent.html"))
        let tree = String(
            decoding: try run(["--allow-file-access-from-files", "--dump-dom"], "measure", of: "parent.html"),
            as: UTF8.self)
        return tree.split(separator: "<li>").dropFirst().map { String($0.prefix { $0 != "<" }) }
    }

    /// - Throws: when the browser fails or takes longer than a minute.
    private func run(_ options: [String], _ name: String, of page: String = "page.html") throws -> Data {
        let output = "\(directory)/\(name).out"
        let words = ["timeout", "60", Self.path ?? "", "--no-sandbox", "--disable-gpu"]
            + ["--user-data-dir=\(directory)/profile"] + options + ["file://\(directory)/\(page)"]
        let script = words.map { "'\($0)'" }.joined(separator: " ") + " >'\(output)' 2>'\(output).err' </dev/null"
        let status = system(script)
        guard status == 0 else { throw BrowserError(what: "the browser ended with \(status)") }
        return FileManager.default.contents(atPath: output) ?? Data()
    }
}

struct BrowserError: Error { var what: String }
