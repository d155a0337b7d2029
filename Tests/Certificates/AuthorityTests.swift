import Certificates
import Testing

@Suite struct AuthorityTests {
    private let now: Int64 = 1_795_000_000
    private let hosts = ["10.0.0.1", "fd00::1", "db1.example.com"]

    @Test func `A member's certificate names its addresses, ends in time and is signed`() throws {
        let authority = try CertificateAuthority.make(name: "shop", now: now, days: 100)
        let pair = try authority.issue(name: "h1", hosts: hosts, .member, now: now, days: 30)
        let content = try CertificateContent(pem: pair.certificatePEM)
        #expect(content.end == now + 30 * 86400)
        #expect(content.covers(hosts))
        #expect(!content.covers(["10.0.0.2"]))
        #expect(!content.covers(["db2.example.com"]))
        #expect(authority.signed(content))
        #expect(!(try CertificateAuthority.make(name: "shop", now: now, days: 100)).signed(content))
    }

    @Test func `No certificate outlives its authority`() throws {
        let authority = try CertificateAuthority.make(name: "shop", now: now, days: 10)
        let pair = try authority.issue(name: "h1", hosts: [], .client, now: now, days: 30)
        #expect(try CertificateContent(pem: pair.certificatePEM).end == now + 10 * 86400)
    }

    @Test func `An authority that was kept goes on signing, and a foreign key is refused`() throws {
        let authority = try CertificateAuthority.make(name: "shop", now: now, days: 100)
        let kept = try CertificateAuthority(authority.pair)
        let pair = try kept.issue(name: "c", hosts: [], .client, now: now, days: 1)
        #expect(authority.signed(try CertificateContent(pem: pair.certificatePEM)))
        let other = try CertificateAuthority.make(name: "shop", now: now, days: 100)
        let mixed = KeyPair(certificatePEM: try authority.pair.certificatePEM, keyPEM: try other.pair.keyPEM)
        #expect(throws: CertificateError.self) { _ = try CertificateAuthority(mixed) }
    }

    @Test func `A pair shows no key when it is printed`() throws {
        let pair = try CertificateAuthority.make(name: "shop", now: now, days: 1).pair
        var dumped = ""
        dump(pair, to: &dumped)
        #expect(!"\(pair)\(dumped)\(String(reflecting: pair))".contains("PRIVATE"))
    }
}
