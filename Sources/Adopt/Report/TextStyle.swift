/// How text is drawn: with colour on a terminal, plain elsewhere. The caller knows which.
public struct TextStyle: Equatable, Sendable {
    public var isColoured: Bool
    /// Columns a line may have. Range: 60 and more.
    public var width: Int

    public init(isColoured: Bool = false, width: Int = 100) {
        self.isColoured = isColoured
        self.width = max(60, width)
    }

    public static let plain = TextStyle()

    func bold(_ text: String) -> String { sequence("1", text) }
    func dim(_ text: String) -> String { sequence("2", text) }
    func red(_ text: String) -> String { sequence("31", text) }
    func green(_ text: String) -> String { sequence("32", text) }
    func yellow(_ text: String) -> String { sequence("33", text) }

    private func sequence(_ code: String, _ text: String) -> String {
        isColoured && !text.isEmpty ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }

    /// Breaks a text at blanks so that no line is longer than the width; `first` begins the first line, the
    /// others get as many blanks. A word that is too long keeps its line, because paths are copied from here.
    func wrapped(_ text: String, first: String, hang: Int? = nil) -> [String] {
        let margin = String(repeating: " ", count: hang ?? first.count)
        var lines: [String] = []
        var line = first
        var isFresh = true
        for word in text.split(separator: " ") {
            if !isFresh, line.count + 1 + word.count > width {
                lines.append(line)
                line = margin
                isFresh = true
            }
            line += (isFresh ? "" : " ") + word
            isFresh = false
        }
        lines.append(line)
        return lines
    }
}

extension String {
    func padded(_ width: Int) -> String { self + String(repeating: " ", count: Swift.max(0, width - count)) }
    func leftPadded(_ width: Int) -> String { String(repeating: " ", count: Swift.max(0, width - count)) + self }

    /// Text of the world outside, safe on a terminal: control characters become visible, and so do those without
    /// width and those that turn the direction of text.
    var printable: String {
        var text = ""
        for scalar in unicodeScalars {
            let isControl = switch scalar.value {
            case 0..<0x20, 0x7F...0x9F, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x2069, 0xFEFF: true
            default: false
            }
            text += isControl ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
        }
        return text
    }
}

/// `0.2 s`, `12 s`, `3 min 20 s`, `2 h 05 min`.
func durationText(_ duration: Duration) -> String {
    let milliseconds = duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
    let seconds = (milliseconds + 500) / 1000
    switch milliseconds {
    case ..<9_950: return "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s"
    case ..<90_000: return "\(seconds) s"
    case ..<5_400_000: return "\(seconds / 60) min \(seconds % 60) s"
    default: return "\(seconds / 3600) h \(seconds / 60 % 60) min"
    }
}

func counted(_ count: Int, _ one: String, _ many: String? = nil) -> String {
    "\(count) \(count == 1 ? one : many ?? one + "s")"
}
