import FoundationEssentials

/// A plan as one JSON file. Keys are sorted, so that two plans can be compared with diff.
extension Plan {
    public func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(self)) + [UInt8(ascii: "\n")]
    }

    /// - Throws: ``PlanningError`` that says what is wrong with the file.
    public init(decoding bytes: [UInt8], file: String) throws(PlanningError) {
        struct Format: Decodable { var format: Int }
        let decoder = JSONDecoder()
        do {
            let format = try decoder.decode(Format.self, from: Data(bytes)).format
            guard format == Self.currentFormat else {
                throw PlanningError(
                    .unreadablePlan,
                    "\(file) has format \(format), this pgadopt reads \(Self.currentFormat); make a new plan")
            }
            self = try decoder.decode(Plan.self, from: Data(bytes))
        } catch let error as PlanningError {
            throw error
        } catch {
            throw PlanningError(
                .unreadablePlan, "\(file) is not a plan of pgadopt, or was cut off; make a new one with pgadopt plan")
        }
    }
}
