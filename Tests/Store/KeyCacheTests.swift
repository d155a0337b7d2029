import Etcd
import Testing

@testable import Store

@Suite struct KeyCacheTests {
    private let paths = StorePaths(namespace: "service", scope: "demo")

    private func keyValue(_ name: String, _ value: String, _ revision: Int64) -> KeyValue {
        var keyValue = KeyValue()
        keyValue.key = Array((paths.base + name).utf8)
        keyValue.value = Array(value.utf8)
        keyValue.modRevision = revision
        return keyValue
    }

    private func event(_ kind: WatchEvent.Kind, _ name: String, _ value: String, _ revision: Int64) -> WatchEvent {
        var event = WatchEvent()
        event.kind = kind
        event.keyValue = keyValue(name, value, revision)
        return event
    }

    @Test func eventsThatTheReadContainsAlreadyArePassedOver() {
        var cache = KeyCache([keyValue("leader", "b", 10)], revision: 12, paths: paths)
        cache.apply([event(.put, "leader", "a", 9), event(.delete, "leader", "", 11)])
        #expect(cache.view.leader?.name == "b")
        #expect(cache.revision == 12)
        cache.apply([event(.delete, "leader", "", 13)])
        #expect(cache.view.leader == nil)
        #expect(cache.view.revision == 13)
    }

    @Test func anOlderReadDoesNotReplaceANewerState() {
        var cache = KeyCache([keyValue("leader", "new", 10)], revision: 10, paths: paths)
        let isReplaced = cache.replace(with: KeyCache([keyValue("leader", "old", 5)], revision: 9, paths: paths))
        #expect(!isReplaced)
        #expect(cache.view.leader?.name == "new")
    }

    @Test func foreignKeysAreIgnored() {
        var other = KeyValue()
        other.key = Array("/service/demo2/leader".utf8)
        #expect(KeyCache([other], revision: 1, paths: paths).keys.isEmpty)
    }
}
