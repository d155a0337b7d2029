import Server

/// Which callback an observed server calls for (compatibility sheet f.1). A value, so that it can be tested without
/// a server.
struct CallbackRoles: Equatable, Sendable {
    /// What the operator's programs were last told.
    private var told: String?
    /// The server was down since.
    private var wasDown = false

    /// The server runs in this role.
    /// - Parameter isRestarted: a restart that somebody asked for has just ended.
    mutating func runs(as role: String, isRestarted: Bool = false) -> HookCommands.Event? {
        defer {
            told = role
            wasDown = false
        }
        guard let told else { return .start }
        if told != role { return .roleChange }
        if isRestarted { return .restart }
        return wasDown ? .start : nil
    }

    /// The server does not run, be it crashed, stopped, or on its way to another role.
    mutating func isDown() { wasDown = true }
}
