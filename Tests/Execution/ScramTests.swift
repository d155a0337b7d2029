@testable import Execution
import Testing

@Suite struct ScramTests {
    @Test func `RFC 7677's example keys come out`() {
        // RFC 7677, section 3: user "user", password "pencil", salt W22ZaJ0SNY7soEsUEjb6gQ==, 4096 iterations.
        let salt: [UInt8] = [0x5B, 0x6D, 0x99, 0x68, 0x9D, 0x12, 0x35, 0x8E, 0xEC, 0xA0, 0x4B, 0x14, 0x12, 0x36, 0xFA, 0x81]
        let text = ScramVerifier(password: "pencil", salt: salt).text
        #expect(text == "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
            + "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=")
        #expect(ScramVerifier.matches(text, password: "pencil"))
        #expect(!ScramVerifier.matches(text, password: "pencils"))
        #expect(!ScramVerifier.matches("md5aaaa", password: "pencil"))
    }
}
