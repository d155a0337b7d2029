import Shell

extension StepContext {
    /// Stops a standby whose agent has ended; done at once when it does not run. Its clients are cut off.
    func stopStandby(_ dataDirectory: String, binDirectory: String, osUser: String) async throws {
        let directory = quoted(dataDirectory)
        try await run(
            "stopping the standby",
            """
            cd /
            [ -e \(directory)/postmaster.pid ] || exit 0
            exec \(quoted(binDirectory + "/pg_ctl")) -D \(directory) -m fast -w -t 300 stop
            """,
            as: .user(osUser), deadline: .seconds(320))
    }
}
