import JSON
import YAML

extension YAMLValue {
    /// The same value in JSON, keys in the same order.
    var json: JSON {
        switch self {
        case .null: return .null
        case .bool(let value): return .bool(value)
        case .int(let value): return .int(Int64(value))
        case .double(let value): return .double(value)
        case .string(let value): return .string(value)
        case .list(let items): return .array(items.map(\.json))
        case .map(let fields):
            var object = JSONObject()
            for field in fields { object[field.key] = field.value.json }
            return .object(object)
        }
    }

    init(_ json: JSON) {
        switch json {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .int(let value): self = .int(Int(value))
        case .double(let value): self = .double(value)
        case .string(let value): self = .string(value)
        case .array(let items): self = .list(items.map { YAMLValue($0) })
        case .object(let object): self = .map(object.map { YAMLField($0.key, YAMLValue($0.value)) })
        }
    }
}

extension YAMLNode {
    /// A value that was never written as YAML; without a place.
    init(_ json: JSON) {
        let nowhere = YAMLPosition(line: 0, column: 0)
        func scalar(_ text: String, _ style: YAMLScalar.Style = .plain) -> YAMLNode {
            YAMLNode(.scalar(YAMLScalar(text, style: style)), at: nowhere)
        }
        switch json {
        case .null: self = scalar("")
        case .bool(let value): self = scalar(value ? "on" : "off")
        case .int(let value): self = scalar(String(value))
        case .double(let value): self = scalar("\(value)")
        case .string(let value): self = scalar(value, .doubleQuoted)
        case .array(let items): self = YAMLNode(.sequence(items.map { YAMLNode($0) }), at: nowhere)
        case .object(let object):
            let entries = object.map { YAMLMapping.Entry(key: $0.key, keyPosition: nowhere, value: YAMLNode($0.value)) }
            self = YAMLNode(.mapping(YAMLMapping(entries)), at: nowhere)
        }
    }
}
