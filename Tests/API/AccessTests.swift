@testable import API
import Testing

@Suite struct AccessTests {
    private let change = APIRequest(method: "POST", target: "/restart")

    private func client(_ address: String, certificate: Bool = false) -> APIClientIdentity {
        APIClientIdentity(address: IPAddress(address), usesTLS: certificate, hasCertificate: certificate)
    }

    private func refusal(
        _ security: APISecurity, authorization: String? = nil, from address: String = "10.0.0.9",
        certificate: Bool = false, target: String = "/restart", members: [String] = []
    ) -> APIResponse? {
        let request = APIRequest(method: "POST", target: target, authorization: authorization)
        return security.refusal(
            of: request, from: client(address, certificate: certificate), members: members.compactMap { IPAddress($0) })
    }

    @Test func withoutRulesEverybodyMay() { #expect(refusal(APISecurity()) == nil) }

    @Test func aPasswordIsAskedForAndCompared() {
        let security = APISecurity(credentials: BasicCredentials(username: "admin", password: "s3:cret"))
        let none = refusal(security)
        #expect(none?.status == 401)
        #expect(none?.body == "no auth header received")
        #expect(none?.headers["WWW-Authenticate"] == "Basic realm=\"Patroni\"")
        #expect(refusal(security, authorization: "Basic YWRtaW46czM6Y3JldA==") == nil)
        #expect(refusal(security, authorization: "basic YWRtaW46czM6Y3JldA==") == nil)
        let right = "YWRtaW46czM6Y3JldA=="
        for wrong in ["Basic", "Basic ", "Bearer \(right)", "Basic \(right.dropLast(2))", "Basic YWRtaW46eA=="] {
            #expect(refusal(security, authorization: wrong)?.body == "not authenticated")
        }
    }

    @Test func theAllowlistKnowsAddressesAndNetworks() {
        let (ranges, unknown) = APISecurity.allowlist(["10.0.0.0/24", "192.0.2.7", "2001:db8::/32", "300.1.1.1/8"])
        #expect(unknown == ["300.1.1.1/8"])
        let security = APISecurity(allowlist: ranges)
        for allowed in ["10.0.0.9", "192.0.2.7", "2001:db8:1::1", "::ffff:10.0.0.1"] {
            #expect(refusal(security, from: allowed) == nil)
        }
        for denied in ["10.0.1.9", "192.0.2.8", "2001:db9::1"] {
            #expect(refusal(security, from: denied) == .text("Access is denied", status: 403))
        }
    }

    @Test func membersCountWhenTheyAreIncluded() {
        let security = APISecurity(allowlistIncludesMembers: true)
        #expect(refusal(security, members: ["10.0.0.9"]) == nil)
        #expect(refusal(security, members: ["10.0.0.8"])?.status == 403)
        // A leader that lost the store may be one we do not know.
        #expect(refusal(security, target: "/failsafe", members: []) == nil)
    }

    @Test func changesNeedACertificateWhereClientsAreVerified() {
        let cases: [(APISecurity.ClientVerification, Int?)] = [(.none, nil), (.optional, 403), (.required, 403)]
        for (verification, expected) in cases {
            let tls = APISecurity.TLS(certificateFile: "c", clientVerification: verification)
            #expect(refusal(APISecurity(tls: tls))?.status == expected)
            #expect(refusal(APISecurity(tls: tls), certificate: true) == nil)
        }
    }

    @Test func secretsAreNotShown() {
        var text = ""
        dump(BasicCredentials(username: "admin", password: "hidden"), to: &text)
        dump(APISecurity.TLS(certificateFile: "c", keyPassword: Secret("hidden")), to: &text)
        text += "\(Secret("hidden")) \(String(reflecting: Secret("hidden")))"
        #expect(!text.contains("hidden"))
        #expect(!text.contains("YWRtaW46aGlkZGVu"))
    }

    @Test(arguments: [
        ("1.2.3.4", true), ("::1", true), ("fe80::1%eth0", true), ("1:2:3:4:5:6:7:8", true), ("::ffff:1.2.3.4", true),
        ("1.2.3", false), ("1.2.3.256", false), ("1::2::3", false), ("12345::", false), ("1:2:3:4:5:6:7:8:9", false),
        ("", false), ("host", false), ("1.2.3.4/33", false), ("1.2.3.4/255.0.255.0", false),
        ("10.0.0.0/255.0.0.0", true),
    ])
    func readsRanges(text: String, isRange: Bool) { #expect((AddressRange(text) != nil) == isRange) }

    @Test func headersOfTheConfigurationCannotBreakOut() {
        #expect(HTTPExtraHeader(name: "Strict-Transport-Security", value: "max-age=31536000") != nil)
        #expect(HTTPExtraHeader(name: "X", value: "a\r\nSet-Cookie: b") == nil)
        #expect(HTTPExtraHeader(name: "X Y", value: "a") == nil)
    }
}
