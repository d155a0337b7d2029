import JSON

/// A request as the routes see it: no sockets, so that every answer can be tested as a value.
public struct APIRequest: Equatable, Sendable {
    public var method: String
    /// Without the query, always with a leading slash.
    public var path: String
    /// Decoded query parameters; of a repeated name the last wins.
    public var query: [String: String]
    public var body: [UInt8]
    /// The Authorization header, if any.
    public var authorization: String?

    /// - Parameter target: the request target of the HTTP request line, `/path?a=b`.
    public init(method: String, target: String, body: [UInt8] = [], authorization: String? = nil) {
        self.method = method
        self.body = body
        self.authorization = authorization
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = Self.percentDecoded(parts.first ?? "/")
        if !path.hasPrefix("/") { path = "/" + path }
        query = [:]
        guard parts.count == 2 else { return }
        for pair in parts[1].split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            query[Self.percentDecoded(sides[0])] = sides.count == 2 ? Self.percentDecoded(sides[1]) : ""
        }
    }

    /// Undoes percent encoding and `+`; a broken escape stays as it is.
    static func percentDecoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
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
    /// Headers beside Content-Type and Content-Length.
    public var headers: [String: String]

    public init(status: Int, contentType: String?, body: String, headers: [String: String] = [:]) {
        self.status = status
        self.contentType = contentType
        self.body = body
        self.headers = headers
    }

    public static func json(_ value: JSON, status: Int = 200) -> Self {
        Self(status: status, contentType: "application/json", body: value.text)
    }

    /// Patroni labels its plain sentences text/html; clients show them as they are.
    public static func text(_ sentence: String, status: Int) -> Self {
        Self(status: status, contentType: "text/html", body: sentence)
    }

    public static func empty(status: Int) -> Self { Self(status: status, contentType: nil, body: "") }
}
