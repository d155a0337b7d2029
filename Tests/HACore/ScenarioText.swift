import Cluster
import HACore
import PostgresModel
import Timekeeping

extension Decision {
    /// As the scripts show it.
    var lines: [String] {
        ["\(rule.number) \(rule.name): \(reason)"] + actions.map { "  \($0.text)" } + ["  wake \(wakeAt.text)"]
    }
}

extension BootInstant {
    var text: String {
        let milliseconds = nanoseconds / 1_000_000
        let fraction = String(milliseconds % 1000)
        return milliseconds % 1000 == 0
            ? "\(milliseconds / 1000)s"
            : "\(milliseconds / 1000).\(String(repeating: "0", count: 3 - fraction.count) + fraction)s"
    }
}

extension Action {
    var text: String {
        switch self {
        case .acquireLock: "acquireLock"
        case .reattachLock: "reattachLock"
        case .releaseLock(let lsn): "releaseLock" + (lsn.map { " \($0)" } ?? "")
        case .writeInitialize(let identifier, _): "writeInitialize \(identifier)"
        case .claimInitialize: "claimInitialize"
        case .removeInitialize(let revision): "removeInitialize at \(revision)"
        case .restoreConfig: "restoreConfig"
        case .writeSync(let leader, let standbys, let quorum, let revision):
            "writeSync leader=\(leader) standbys=\(standbys.joined(separator: ",")) quorum=\(quorum) at \(revision)"
        case .removeSync(let revision): "removeSync at \(revision)"
        case .setSynchronousStandbys(let names):
            "setSynchronousStandbys \(names.map { $0.isNone ? "none" : $0.description } ?? "own")"
        case .stopStreaming: "stopStreaming"
        case .clearRestart(let reason): "clearRestart (\(reason))"
        case .clearReinitialise(let reason): "clearReinitialise (\(reason))"
        case .begin(let operation): "begin \(operation.words)"
        case .cancelOperation: "cancelOperation"
        case .follow(let upstream): "follow \(upstream.name)"
        case .askPeers: "askPeers"
        case .armGuard(let deadline): "armGuard \(deadline.text)"
        case .disarmGuard: "disarmGuard"
        case .clearFailover(let reason): "clearFailover (\(reason))"
        case .keepSlots(let names): "keepSlots \(names.joined(separator: " "))"
        }
    }
}

extension Operation {
    fileprivate var words: String {
        switch self {
        case .start(.primary): "start primary"
        case .start(.standby(let upstream)): "start standby" + (upstream.map { " of \($0.name)" } ?? "")
        case .stop(let mode): "stop \(mode.rawValue)"
        case .promote: "promote"
        case .demote(.immediate): "demote immediate"
        case .demote(.switchover(let candidate)): "demote switchover" + (candidate.map { " to \($0)" } ?? "")
        case .demote(.offline): "demote offline"
        case .rewind(let source): "rewind from \(source.name)"
        case .clone(let source): "clone from \(source.name)"
        case .demote(.standbyCluster): "demote standby-cluster"
        case .reinitialise(let source): "reinitialise from \(source.name)"
        case .restart(.asked): "restart"
        case .restart(.scheduled): "restart scheduled"
        case .bootstrap: "bootstrap"
        }
    }
}
