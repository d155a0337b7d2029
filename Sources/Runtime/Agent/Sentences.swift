import Kernel
import PostgresModel
import Server

/// What went wrong, as a person may read it. The errors of our own parts are sentences already.
func sentence(for error: any Error) -> String {
    error is CancellationError ? givenUp : "\(error)"
}

extension BackupProgress {
    /// 0 to 100; a source that grows may make it stay for a while.
    var percent: Int { total.rawValue > 0 ? Int(min(100, 100 * Double(done.rawValue) / Double(total.rawValue))) : 0 }

    /// `120 MiB of 480 MiB (25 %)`
    var sentence: String { "\(done) of \(total) (\(percent) %)" }
}

/// How an operation ends whose place something more urgent takes.
let givenUp = "given up before its end"
