import Foundation
import Testing

/// Everything that needs real hosts. One after the other: there is one lab, and it has few cores.
/// `./test` sets PGADOPT_LAB; a plain `swift test` leaves these out.
@Suite(
    .serialized, .timeLimit(.minutes(10)),
    .enabled(if: ProcessInfo.processInfo.environment["PGADOPT_LAB"] == "1", "run ./test, as root"))
enum LabSuite {}
