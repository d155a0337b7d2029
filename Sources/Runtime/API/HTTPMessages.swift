import JSON

/// A request as the routes see it: no sockets, so that every answer can be tested as a value.
public struct APIRequest: Equatable, Sendable {
    public var method: String
    /// As sent, without the query and without `http://host`; percent escapes are not undone, as in Patroni.
    public var path: String
    /// Decoded query parameters. Of a repeated name the first wins, and one without a value does not count (Patroni).
    public var query: [String: String]
    public var body: [UInt8]
    /// The client said that a body comes (Content-Length or chunks); a change without one is answered with 411.
    public var declaresBody: Bool
    /// The Authorization header, if any.
    public var authorization: String?

    /// - Parameter target: the request target of the HTTP request line, `/path?a=b` or `http://host/path?a=b`.
    public init(
        method: String, target: String, body: [UInt8] = [], declaresBody: Bool? = nil, authorization: String? = nil
    ) {
        self.method = method
        self.body = body
        self.declaresBody = declaresBody ?? !body.isEmpty
        self.authorization = authorization
        var target = target[...]
        if let scheme = target.firstRange(of: "://"), !target[..<scheme.lowerBound].contains("/") {
            let authority = target[scheme.upperBound...]
            target = authority.firstIndex(of: "/").map { authority[$0...] } ?? "/"
        }
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = parts.first.map(String.init) ?? "/"
        query = [:]
        guard parts.count == 2 else { return }
        for pair in parts[1].prefix(while: { $0 != "#" }).split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = Self.percentDecoded(sides[0])
            if sides.count == 2, !sides[1].isEmpty, query[name] == nil { query[name] = Self.percentDecoded(sides[1]) }
        }
    }

    /// The first part of the path, which names what is asked for; empty for `/`.
    var word: Substring { path.drop { $0 == "/" }.prefix { $0 != "/" } }

    /// Undoes percent encoding and `+`; a broken escape stays as it is.
    static func percentDecoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2, let first = rest.first, Character(.init(first)).isHexDigit,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// An answer.
public struct APIResponse: Equatable, Sendable {
    public var status: Int
    public var contentType: String?
    public var body: String
    /// Headers beside Content-Type, Content-Length, Date, Server and Connection.
    public var headers: [String: String]

    public init(status: Int, contentType: String?, body: String, headers: [String: String] = [:]) {
        self.status = status
        self.contentType = contentType
        self.body = body
        self.headers = headers
    }

    /// In Python's layout of JSON, because scripts grep Patroni's answers for `"role": "primary"`.
    public static func json(_ value: JSON, status: Int = 200) -> Self {
        Self(status: status, contentType: "application/json", body: value.spacedText)
    }

    /// Patroni labels its plain sentences text/html; clients show them as they are.
    public static func text(_ sentence: String, status: Int) -> Self {
        Self(status: status, contentType: "text/html", body: sentence)
    }

    public static func empty(status: Int) -> Self { Self(status: status, contentType: nil, body: "") }
}
