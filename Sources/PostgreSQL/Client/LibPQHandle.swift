import CLibPQ
import Glibc

/// A PGconn. Only the connection's actor calls into it; it is finished when the last reference goes.
final class LibPQHandle: @unchecked Sendable {
    let pointer: OpaquePointer
    private let secret: String?

    /// Starts connecting (PQconnectStartParams).
    init(_ settings: [String: String], secret: String?) {
        self.secret = secret
        let all = settings.merging(["client_encoding": "UTF8"]) { given, _ in given }.sorted { $0.key < $1.key }
        var keys = all.map { UnsafePointer(strdup($0.key)) } + [nil]
        var values = all.map { UnsafePointer(strdup($0.value)) } + [nil]
        defer { for case let text? in keys + values { free(UnsafeMutablePointer(mutating: text)) } }
        // Null only when out of memory.
        pointer = PQconnectStartParams(&keys, &values, 0)!
        PQsetNoticeProcessor(pointer, { _, _ in }, nil)
    }

    deinit { PQfinish(pointer) }

    /// False when it cannot even be queued: the connection is gone.
    func send(_ sql: String, _ parameters: [String?]) -> Bool {
        if parameters.isEmpty { return PQsendQuery(pointer, sql) == 1 }
        let values = parameters.map { $0.flatMap { UnsafePointer(strdup($0)) } }
        defer { for case let text? in values { free(UnsafeMutablePointer(mutating: text)) } }
        return PQsendQueryParams(pointer, sql, Int32(parameters.count), nil, values, nil, nil, 0) == 1
    }

    var connectError: PostgresError { PostgresError(.cannotConnect, message(PQerrorMessage(pointer))) }

    func lost() -> PostgresError { PostgresError(.connectionLost, message(PQerrorMessage(pointer))) }

    /// - Throws: for a result that cannot be followed (COPY), or when the connection broke.
    func decoded(_ result: OpaquePointer) throws -> Result<QueryResult, PostgresError> {
        switch PQresultStatus(result) {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY, PGRES_SINGLE_TUPLE:
            return .success(QueryResult(result))
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
            throw PostgresError(.unsupported, "COPY is not spoken here")
        default:
            guard let state = PQresultErrorField(result, Int32(UInt8(ascii: "C"))) else {
                throw PostgresError(.connectionLost, message(PQresultErrorMessage(result)))
            }
            let primary = PQresultErrorField(result, Int32(UInt8(ascii: "M")))
            return .failure(PostgresError(.server, sqlState: String(cString: state), message(primary)))
        }
    }

    /// libpq's text on one line, the password blotted out should it ever be there.
    private func message(_ text: UnsafePointer<CChar>?) -> String {
        var line = text.map { String(cString: $0) } ?? ""
        line = line.split(whereSeparator: \.isNewline).joined(separator: "; ")
        if let secret, !secret.isEmpty, line.contains(secret) {
            line = line.split(separator: secret, omittingEmptySubsequences: false).joined(separator: "***")
        }
        return line.isEmpty ? "the server closed the connection" : line
    }
}

/// A PGcancel: may be used on any thread (libpq, "Canceling Queries in Progress").
final class CancelRequest: @unchecked Sendable {
    private let pointer: OpaquePointer

    init?(_ handle: LibPQHandle) {
        guard let pointer = PQgetCancel(handle.pointer) else { return nil }
        self.pointer = pointer
    }

    deinit { PQfreeCancel(pointer) }

    /// Blocks until the server has taken the request.
    func send() -> Bool {
        var error = [CChar](repeating: 0, count: 256)
        return PQcancel(pointer, &error, Int32(error.count)) == 1
    }
}

extension QueryResult {
    init(_ result: OpaquePointer) {
        let columnCount = PQnfields(result)
        columns = (0..<columnCount).map { String(cString: PQfname(result, $0)) }
        rows = (0..<PQntuples(result)).map { row in
            (0..<columnCount).map { column in
                PQgetisnull(result, row, column) == 1 ? nil : String(cString: PQgetvalue(result, row, column))
            }
        }
        commandTag = String(cString: PQcmdStatus(result))
    }
}
