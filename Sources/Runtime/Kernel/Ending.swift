import Glibc

/// Ends the process with this exit code, with what was printed, and without the endings that libraries registered.
///
/// `exit` runs those while other threads go on: OpenSSL's takes away the locks that a connection being closed on another
/// thread is about to take (OPENSSL_cleanup(3): only when nobody uses the library any more), and a program that was done
/// died of SIGSEGV.
public func endProcess(_ code: Int32) -> Never {
    fflush(nil)
    _exit(code)
}
