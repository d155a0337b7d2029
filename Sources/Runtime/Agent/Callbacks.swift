import Configuration
import HACore
import Server

/// The operator's programs and the server's life.
extension Agent {
    /// Calls what the last look at the server asks for. Not while a task changes the server: its end tells.
    func callBack() async {
        guard case .idle = state.operation else { return }
        switch state.server.process {
        case .running:
            let role = memberRole.rawValue
            let event = state.callbacks.runs(as: role, isRestarted: state.hasRestarted)
            state.hasRestarted = false
            if let event { await parts.server.hooks.call(event, role: role) }
        case .stopped: state.callbacks.isDown()
        case .starting, .stopping, .unresponsive: break
        }
    }
}

extension HookCommands {
    init(scope: String, _ options: PostgresOptions) {
        var callbacks: [Event: [String]] = [:]
        for event in Event.allCases {
            guard let named = Callbacks.Event(rawValue: event.rawValue) else { continue }
            callbacks[event] = options.callbacks[named]?.words
        }
        self.init(
            scope: scope, callbacks: callbacks, prePromote: options.prePromote?.words,
            beforeStop: options.beforeStop?.words)
    }
}
