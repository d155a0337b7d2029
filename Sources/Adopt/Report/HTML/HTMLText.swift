/// Text that is safe inside HTML and SVG, in element content and in quoted attributes alike. Only this type's
/// interpolation makes markup from values, so that none gets there unescaped.
struct HTML: ExpressibleByStringInterpolation, Equatable {
    var markup: String

    init(stringLiteral value: String) { markup = value }
    init(stringInterpolation: Interpolation) { markup = stringInterpolation.markup }
    private init(markup: String) { self.markup = markup }

    struct Interpolation: StringInterpolationProtocol {
        var markup = ""

        init(literalCapacity: Int, interpolationCount: Int) {}
        mutating func appendLiteral(_ literal: String) { markup += literal }
        /// A value of the world outside.
        mutating func appendInterpolation(_ text: String) { markup += escaped(text) }
        mutating func appendInterpolation(_ number: Int) { markup += String(number) }
        /// Coordinates, to a tenth of a pixel.
        mutating func appendInterpolation(_ number: Double) {
            let tenths = Int((number * 10).rounded())
            let sign = tenths < 0 ? "-" : ""
            markup += tenths % 10 == 0 ? String(tenths / 10) : "\(sign)\(abs(tenths) / 10).\(abs(tenths) % 10)"
        }
        mutating func appendInterpolation(_ html: HTML) { markup += html.markup }
        mutating func appendInterpolation(_ parts: [HTML]) { for part in parts { markup += part.markup } }
    }

    static let none = HTML(markup: "")
    static func + (a: HTML, b: HTML) -> HTML { HTML(markup: a.markup + b.markup) }
}

/// Control characters and those that turn the direction of text become visible first: a name must not be able to
/// look like another one.
func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.printable.unicodeScalars {
        switch scalar {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        case "'": result += "&#39;"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}

/// At most so many characters, for places that cannot grow.
func shortened(_ text: String, _ limit: Int) -> String {
    text.count <= limit ? text : text.prefix(max(1, limit - 1)) + "…"
}
