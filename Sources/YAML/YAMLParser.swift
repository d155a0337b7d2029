/// One YAML document. Duplicate keys are collected rather than thrown, so that they can be reported together
/// with everything else that is wrong in a file; the first of the duplicates counts.
public struct YAMLDocument: Sendable {
    /// Nil: the text is empty or holds only comments.
    public var root: YAMLNode?
    public var duplicates: [YAMLError]

    /// Reads a text. Throws at what cannot be read on from: syntax, a second document, limits, bad aliases.
    public init(collecting bytes: [UInt8], file: String, limits: YAMLLimits = .init()) throws(YAMLError) {
        guard bytes.count <= limits.size else {
            throw YAMLError(
                .tooLarge, file: file, at: .start, "the file has \(bytes.count) bytes; allowed: \(limits.size)")
        }
        var composer = YAMLComposer(file: file, limits: limits)
        do throws(YAMLError) {
            root = try composer.compose(bytes)
        } catch {
            throw error.explainingTab(in: bytes)
        }
        duplicates = composer.duplicates
    }

    /// Reads a text; a duplicate key is an error too.
    public static func parse(
        _ bytes: [UInt8], file: String, limits: YAMLLimits = .init()
    ) throws(YAMLError) -> YAMLNode? {
        let document = try YAMLDocument(collecting: bytes, file: file, limits: limits)
        if let duplicate = document.duplicates.first { throw duplicate }
        return document.root
    }

    public static func parse(
        _ text: String, file: String, limits: YAMLLimits = .init()
    ) throws(YAMLError) -> YAMLNode? {
        try parse(Array(text.utf8), file: file, limits: limits)
    }
}

extension YAMLError {
    /// libyaml's words for a tab used as indentation do not mention the tab.
    fileprivate func explainingTab(in bytes: [UInt8]) -> YAMLError {
        guard code == .syntax else { return self }
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard position.line >= 1, position.line <= lines.count else { return self }
        let indentation = lines[position.line - 1].prefix { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        guard let tab = indentation.firstIndex(of: UInt8(ascii: "\t")) else { return self }
        let place = YAMLPosition(line: position.line, column: tab - indentation.startIndex + 1)
        return YAMLError(code, file: file, at: place, "a tab indents this line; allowed: spaces only")
    }
}
