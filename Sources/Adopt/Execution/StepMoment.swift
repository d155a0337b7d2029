/// Where in a step, or in an act of a release, the work is. A program that ends at either moment has left the most
/// that the next run may have to find out by itself.
public enum StepMoment: Equatable, Sendable {
    /// The journal says that it has begun, and nothing has happened yet.
    case before(String)
    /// It has had its whole effect, and the journal does not say so yet.
    case after(String)

    /// `before:h2/slot`
    public var text: String {
        switch self {
        case .before(let name): "before:\(name)"
        case .after(let name): "after:\(name)"
        }
    }
}
