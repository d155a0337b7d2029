/// What a statement returned: text values, as the server prints them.
public struct QueryResult: Equatable, Sendable {
    public var columns: [String]
    /// nil: SQL NULL.
    public var rows: [[String?]]
    /// The command tag, such as `SELECT 1`.
    public var commandTag: String

    public init(columns: [String], rows: [[String?]], commandTag: String = "") {
        self.columns = columns
        self.rows = rows
        self.commandTag = commandTag
    }

    /// The value of a column in a row; nil for NULL and for a column or row that is not there.
    public func value(_ column: String, row: Int = 0) -> String? {
        guard rows.indices.contains(row), let index = columns.firstIndex(of: column) else { return nil }
        return rows[row][index]
    }

    /// The first column of the first row.
    public var scalar: String? { rows.first?.first ?? nil }
}
