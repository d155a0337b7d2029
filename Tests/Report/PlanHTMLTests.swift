import AdoptFixtures
import FoundationEssentials
import Planning
import PostgresModel
import Preflight
import Report
import Testing

@Suite struct PlanHTMLTests {
    /// A plan in which every text that comes from outside tries to be markup.
    static func hostilePlan() throws -> Plan {
        var plan = try LegacyCluster.plan
        let evil = "\"'><script>document.title='owned'</script><img src=x onerror=alert(1)>&\u{202E}\u{1B}[2J"
        plan.cluster = "shop\(evil)"
        plan.primary.dataDirectory = "/var/lib/\(evil)"
        plan.primary.unit = "postgresql\(evil).service"
        plan.waivers = [evil]
        plan.spec.hosts[1].address = evil
        plan.spec.store.endpoints[0] = evil
        plan.drift = [DriftNote(host: evil, what: evil, meaning: evil)]
        plan.findings = [
            Finding(name: evil, host: evil, verdict: .fail, summary: evil, why: evil, remedy: evil),
            Finding(name: evil, host: evil, verdict: .ok, summary: evil),
        ]
        plan.deferred[0].runningValue = evil
        plan.deferred[0].meanwhile = evil
        for index in plan.steps.indices {
            plan.steps[index].summary = evil
            plan.steps[index].undo = evil
        }
        return plan
    }

    @Test func `The page needs nothing from outside and runs nothing`() throws {
        for plan in [try LegacyCluster.plan, try Self.hostilePlan()] {
            let page = PlanHTML().text(plan).lowercased()
            #expect(page.contains("default-src 'none'"))
            for word in ["<script", "<link", "<img", "<iframe", "url(http", "@import"] {
                #expect(!page.contains(word), "\(word)")
            }
            #expect(!page.contains("\u{1B}") && !page.contains("\u{202E}"))
        }
    }

    @Test func `A blocked plan, a plan without steps and a restart say what they are`() throws {
        let failure = Finding(name: "wal.level", host: "h1", verdict: .fail, summary: "wal_level = minimal")
        let blocked = try LegacyCluster.planner.plan(LegacyCluster.spec, LegacyCluster.facts, [failure])
        #expect(PlanHTML().text(blocked).contains("apply refuses this plan."))
        let done = try LegacyCluster.planner.plan(LegacyCluster.spec, LegacyCluster.adopted, [])
        #expect(PlanHTML().text(done).contains("there is nothing to do"))
        let restart = try LegacyCluster.restartPlan()
        #expect(PlanHTML().text(restart).contains("This plan restarts the server once"))
    }

    @Test(.enabled(if: Browser.path != nil, "needs Debian's chromium-headless-shell"), arguments: [false, true])
    func `A browser shows the page as it is meant`(_ isHostile: Bool) async throws {
        let plan = try isHostile ? Self.hostilePlan() : LegacyCluster.plan
        let browser = try Browser(page: PlanHTML().text(plan))
        defer { browser.remove() }
        // The browser's own tree, after parsing: what was text has stayed text.
        let tree = try browser.tree()
        #expect(!tree.contains("<script") && !tree.contains("<img"))
        #expect(tree.components(of: "<section") >= 4)
        #expect(tree.components(of: "<svg") == 3)
        #expect(tree.components(of: "<li value=") == plan.steps.count)
        #expect(!isHostile || tree.contains("&lt;script&gt;"))
        // The same page three times as a person may have it; a blank one of this size is some ten kilobytes.
        let light = try browser.screenshot(width: 1120, height: 2400)
        let dark = try browser.screenshot(width: 1120, height: 2400, dark: true)
        let narrow = try browser.screenshot(width: 500, height: 2400)
        for picture in [light, dark, narrow] {
            #expect(picture.starts(with: [0x89, 0x50, 0x4E, 0x47]))
            #expect(picture.count > 60_000, "\(picture.count) bytes")
        }
        #expect(light != dark)
    }

    @Test(.enabled(if: Browser.path != nil, "needs Debian's chromium-headless-shell"), arguments: [false, true])
    func `Nothing sticks out of the page, wide or narrow`(_ isHostile: Bool) throws {
        let browser = try Browser(page: PlanHTML().text(isHostile ? Self.hostilePlan() : LegacyCluster.plan))
        defer { browser.remove() }
        let widths = [1120, 800, 360]
        // The width that the content needs, and the widest overhang of a label over its own drawing.
        let found = try browser.measure(widths, """
            let over = 0;
            for (const text of document.querySelectorAll('svg text')) {
              const box = text.getBoundingClientRect(), all = text.ownerSVGElement.getBoundingClientRect();
              over = Math.max(over, all.left - box.left, box.right - all.right);
            }
            return document.documentElement.scrollWidth + ' ' + Math.ceil(over);
            """)
        #expect(found.count == widths.count, "\(found)")
        for (width, measured) in zip(widths, found) {
            let numbers = measured.split(separator: " ").compactMap { Int($0) }
            #expect(numbers.first.map { $0 <= width } == true, "\(width) pixels: \(measured)")
            #expect(numbers.last.map { $0 <= 1 } == true, "\(width) pixels: \(measured)")
        }
    }

    @Test(.enabled(if: Browser.path != nil, "needs Debian's chromium-headless-shell"))
    func `Printed, the page has every step with its undo, and dark ink on white`() throws {
        let plan = try LegacyCluster.plan
        let browser = try Browser(page: PlanHTML().text(plan))
        defer { browser.remove() }
        let printed = try browser.print()
        #expect(printed.starts(with: Array("%PDF".utf8)))
        // A4: a few pages, not one endless one and not one a step.
        let pages = printed.components(of: "/Type /Page\n") + printed.components(of: "/Type /Page /")
        #expect((2...20).contains(pages), "\(pages) pages")
    }
}

extension Data {
    fileprivate func components(of part: String) -> Int { ranges(of: Data(part.utf8)).count }
}

extension String {
    fileprivate func components(of part: String) -> Int {
        split(separator: part, omittingEmptySubsequences: false).count - 1
    }
}
