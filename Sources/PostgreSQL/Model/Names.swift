/// The replication slot of a member, as Patroni names it: lower case, `-` and `.` become `_`, any other
/// character outside `[a-z0-9_]` becomes `u` and four digits of its code point; cut to 63.
public func slotName(forMember name: String) -> String {
    var slot = ""
    for scalar in name.lowercased().unicodeScalars {
        switch scalar {
        case "a"..."z", "0"..."9", "_": slot.unicodeScalars.append(scalar)
        case "-", ".": slot += "_"
        default:
            let code = String(scalar.value)
            slot += "u" + String(repeating: "0", count: max(0, 4 - code.count)) + code
        }
    }
    return String(slot.prefix(63))
}
