import Server
import Testing

@testable import Agent

@Suite struct CallbackRolesTests {
    @Test func aServerThatIsJoinedIsToldOnce() {
        var roles = CallbackRoles()
        let event1 = next(&roles, "primary")
        #expect(event1 == .start)
        let event2 = next(&roles, "primary")
        #expect(event2 == nil)
    }

    @Test func anotherRoleIsARoleChangeHoweverTheServerCameToIt() {
        var roles = CallbackRoles()
        _ = next(&roles, "replica")
        let event3 = next(&roles, "primary")
        #expect(event3 == .roleChange)
        roles.isDown()
        let event4 = next(&roles, "replica")
        #expect(event4 == .roleChange, "a demotion restarts the server and is no start")
    }

    @Test func aStartAfterACrashIsAStartAndARestartARestart() {
        var roles = CallbackRoles()
        _ = next(&roles, "primary")
        roles.isDown()
        let event5 = next(&roles, "primary")
        #expect(event5 == .start)
        roles.isDown()
        let event6 = next(&roles, "primary", isRestarted: true)
        #expect(event6 == .restart)
    }

    private func next(_ roles: inout CallbackRoles, _ role: String, isRestarted: Bool = false) -> HookCommands.Event? {
        roles.runs(as: role, isRestarted: isRestarted)
    }
}
