import PostgresModel
import Testing

struct UnifiedDiffTests {
    @Test func `a line at the top is shown with its context`() {
        let old = "a\nb\nc\nd\ne\n"
        #expect(unifiedDiff(old: old, new: "x\n" + old, oldName: "f", newName: "f") == """
            --- f
            +++ f
            @@ -1,3 +1,4 @@
            +x
             a
             b
             c

            """)
    }

    @Test func `changes far apart are two hunks, and a missing line end is told`() {
        let old = (1...20).map { "\($0)\n" }.joined()
        let new = "one\n" + (2...19).map { "\($0)\n" }.joined() + "20"
        #expect(unifiedDiff(old: old, new: new, oldName: "a", newName: "b") == """
            --- a
            +++ b
            @@ -1,4 +1,4 @@
            -1
            +one
             2
             3
             4
            @@ -17,4 +17,4 @@
             17
             18
             19
            -20
            +20
            \\ No newline at end of file

            """)
    }

    @Test func `equal texts have no difference, and an empty side names line 0`() {
        #expect(unifiedDiff(old: "a\r\n", new: "a\r\n", oldName: "a", newName: "b") == "")
        #expect(unifiedDiff(old: "", new: "a\n", oldName: "a", newName: "b") == "--- a\n+++ b\n@@ -0,0 +1 @@\n+a\n")
    }
}

struct ConfFileTests {
    @Test func `assignments, quotes, comments and includes are read`() {
        let file = ConfFile(text: """
            # comment
            Port = 5433
            port 5434 # later one counts
            search_path = '"$user", it''s \\'x\\''
            include_dir 'conf.d'
            include_if_exists = 'x.conf'
            nonsense
            listen_addresses = 'open
            ext.setting = on
            """)
        #expect(file.last("PORT")?.number == 3)
        #expect(file.last("PORT")?.value == "5434")
        #expect(file.last("search_path")?.value == "\"$user\", it's 'x'")
        #expect(file.includes.map(\.path) == ["conf.d", "x.conf"])
        #expect(file.includes.map(\.kind) == [.directory, .optionalFile])
        #expect(file.invalidLines == [7, 8])
        #expect(file.last("ext.setting")?.value == "on")
    }
}

struct RedactionTests {
    @Test func `secrets are hidden and everything else stays`() {
        #expect(redactingSecrets("a ldap ldapbindpasswd=\"x y\" ldapserver=s\n") == "a ldap ldapbindpasswd=*** ldapserver=s\n")
        #expect(redactingSecrets("primary_conninfo = 'host=a password=geheim'\nb") == "primary_conninfo = 'host=a password=***'\nb")
        #expect(redactingSecrets("password_encryption = md5\n") == "password_encryption = md5\n")
    }
}
