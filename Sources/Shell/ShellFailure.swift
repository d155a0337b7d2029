/// A failure to run anything on a host, as the survey understands it: which check it fails, and why.
/// The errors of an implementation of ``RemoteShell`` conform, so that nobody needs to know the implementation.
public protocol ShellFailure: Error {
    /// The check that fails: `ssh.reach`, `ssh.hostkey`, `ssh.auth` or `ssh.sudo`.
    var check: String { get }
    /// What happened, what it means and what to do.
    var message: String { get }
}
