import AgentFixture
import Testing
import Timekeeping

/// Values in the store that are wrong or gone, with the real programs on this host: a log line, and nothing else.
@Suite(.timeLimit(.minutes(3)), .serialized) struct LyingStoreTests {
    @Test func aLostConfigurationAndLyingMembersMoveNobody() async throws {
        try await withAgents(["a", "b"]) { cluster in
            try await cluster.startLegacyPrimary("a")
            try cluster.startAgent("a")
            try await cluster.eventually("a leads") { await cluster.isUp("a", "/primary") }
            try cluster.startAgent("b")
            try await cluster.eventually("b streams") { await cluster.streams("b") }
            let started = try await cluster.sql("a", "select pg_postmaster_start_time()")
            let config = try await cluster.view().config?.value

            // The key is deleted, then filled with nonsense: the leader writes back what is in force.
            for ruin in [["del", "/service/demo/config"], ["put", "/service/demo/config", "]["]] {
                try await cluster.etcdctl(ruin)
                try await cluster.eventually("the configuration is back after \(ruin[0])") {
                    try await cluster.view().config?.value == config
                }
            }
            #expect(cluster.log("a").contains("the key 'config' in the store holds no JSON object"))

            // Somebody who is not there claims to lead with more log than anybody; b's own key says so of b, too.
            let ghost = """
                {"conn_url":"postgres://127.0.0.1:1/postgres","api_url":"http://127.0.0.1:1/patroni","state":"running",\
                "role":"primary","version":"4.1.5","xlog_location":9000000000000000000,"timeline":99}
                """
            try await cluster.etcdctl(["put", "/service/demo/members/ghost", ghost])
            try await cluster.etcdctl(["put", "/service/demo/members/b", ghost])
            try await cluster.etcdctl(["put", "/service/demo/status", #"{"optime":"much","slots":[1],"retain_slots":{}}"#])
            try await cluster.eventually("b tells the truth again") {
                let member = try await cluster.view().member("b")
                return member?.role == .replica && member?.lease != 0
            }
            #expect(try await cluster.view().leader?.name == "a")
            #expect(try await cluster.sql("a", "select pg_postmaster_start_time()") == started)
            #expect(await cluster.streams("b"))

            // Nor does the ghost keep the living from leading.
            cluster.killMember("a")
            try await cluster.eventually("b leads", within: .seconds(40)) { await cluster.isUp("b", "/primary") }
            for name in ["a", "b"] { #expect(!cluster.log(name).contains("Fatal error"), "\(name)") }
        }
    }
}
