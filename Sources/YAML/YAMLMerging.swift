extension YAMLNode {
    /// `patch` over this: mappings merge key by key, an empty value takes the key away, everything else replaces.
    public func merging(_ patch: YAMLNode) -> YAMLNode {
        guard let changes = patch.mapping else { return patch }
        var entries = mapping?.entries ?? []
        for change in changes.entries {
            let index = entries.firstIndex { $0.key == change.key }
            switch (index, change.value.isNull) {
            case (let index?, true): entries.remove(at: index)
            case (let index?, false):
                entries[index] = .init(
                    key: change.key, keyPosition: change.keyPosition, value: entries[index].value.merging(change.value))
            case (nil, true): break
            case (nil, false): entries.append(change)
            }
        }
        return YAMLNode(.mapping(YAMLMapping(entries)), at: mapping == nil ? patch.position : position)
    }

    /// The same node with all positions in another source.
    public func moved(to source: Int) -> YAMLNode {
        var result = self
        result.position.source = source
        switch content {
        case .scalar: break
        case .sequence(let items): result.content = .sequence(items.map { $0.moved(to: source) })
        case .mapping(let mapping):
            result.content = .mapping(YAMLMapping(mapping.entries.map { entry in
                var place = entry.keyPosition
                place.source = source
                return .init(key: entry.key, keyPosition: place, value: entry.value.moved(to: source))
            }))
        }
        return result
    }
}
