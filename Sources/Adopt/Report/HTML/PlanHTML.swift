import Inventory
import Planning
import PostgresModel
import Preflight

/// A plan as one self-contained page for change review: no script, no external resource, light and dark, printable.
public struct PlanHTML: Sendable {
    public init() {}

    public func text(_ plan: Plan) -> String {
        let page: HTML = """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>\(plan.isRestart ? "Restart" : "Adoption") of \(plan.cluster): plan of \(plan.createdAt)</title>
            <style>\(HTML(stringLiteral: planPageStyle))</style>
            </head>
            <body>
            <main>
            \(header(plan))
            \(verdict(plan))
            \(tiles(plan))
            \(plan.steps.isEmpty ? .none : topology(plan))
            \(drift(plan))
            \(FindingsHTML(plan: plan).section)
            \(plan.steps.isEmpty ? .none : timeline(plan))
            \(StepsHTML(plan: plan).section)
            \(deferred(plan))
            \(footer(plan))
            </main>
            </body>
            </html>

            """
        return page.markup
    }

    private func header(_ plan: Plan) -> HTML {
        let primary = plan.primary
        let what = plan.steps.isEmpty ? "nothing to do" : plan.isRestart ? "planned restart" : "plan for adoption"
        return """
            <header>
            <p class="kicker">pgadopt · \(what)</p>
            <h1>\(plan.cluster)</h1>
            <p class="lead">PostgreSQL \(primary.version.description) on <b>\(primary.host)</b>, port \(primary.port),
            \(primary.size.description) in <code>\(primary.dataDirectory)</code></p>
            <p class="meta">Made \(plan.createdAt) by pgadopt \(plan.toolVersion)\
            \(plan.waivers.isEmpty ? .none : " · waived by the operator: \(plan.waivers.joined(separator: ", "))")</p>
            </header>
            """
    }

    private func verdict(_ plan: Plan) -> HTML {
        if plan.steps.isEmpty {
            return "<p class=\"verdict good\">The cluster is as the inventory wants it: there is nothing to do.</p>"
        }
        if !plan.isApplicable {
            let names = plan.blockers.map { "\($0.name)\($0.host.map { " on \($0)" } ?? "")" }
            return """
                <p class="verdict bad"><b>apply refuses this plan.</b> Failed: \(names.joined(separator: ", ")).</p>
                """
        }
        if plan.isRestart {
            return """
                <p class="verdict warn"><b>This plan restarts the server once,</b> in the approved window, and does
                nothing else. The adoption is planned afterwards.</p>
                """
        }
        return """
            <p class="verdict good"><b>No restart.</b> Process \(plan.primary.postmasterPID) goes on as it runs\
            \(plan.primary.startTime.map { " since \($0)" as HTML } ?? .none), no client is disconnected, and every step
            can be taken back.</p>
            """
    }

    private func tiles(_ plan: Plan) -> HTML {
        if plan.steps.isEmpty { return .none }
        let summary = PlanSummary(plan)
        let figures = [
            (String(summary.steps), summary.steps == 1 ? "step" : "steps"),
            (String(summary.hosts), summary.hosts == 1 ? "host" : "hosts"),
            (durationText(summary.duration), "estimated"),
            (summary.copied.rawValue > 0 ? summary.copied.description : "none", "copied"),
            (String(summary.reloads), summary.reloads == 1 ? "reload" : "reloads"),
            (summary.restarts == 0 ? "none" : String(summary.restarts), "restarts"),
        ]
        return """
            <dl class="tiles">\(figures.map(tile))</dl>
            """
    }

    private func tile(_ figure: String, _ word: String) -> HTML {
        "<div><dd>\(figure)</dd><dt>\(word)</dt></div>"
    }

    private func topology(_ plan: Plan) -> HTML {
        """
        <section><h2>Topology</h2>
        <div class="pair">
        <figure><figcaption>Before</figcaption>\(TopologySVG(plan: plan, isAfter: false).drawing)</figure>
        <figure><figcaption>After</figcaption>\(TopologySVG(plan: plan, isAfter: true).drawing)</figure>
        </div></section>
        """
    }

    private func drift(_ plan: Plan) -> HTML {
        if plan.drift.isEmpty { return .none }
        let rows = plan.drift.map { note -> HTML in
            "<tr><td>\(note.host ?? "store")</td><td>\(note.what)</td><td>\(note.meaning)</td></tr>"
        }
        return """
            <section><h2>Drift</h2>
            <p class="note">Found now: what is not as the files, or the last plan, say. This plan does not
            change it.</p>
            \(table(["host", "what differs", "what it means"], rows))</section>
            """
    }

    private func table(_ heads: [String], _ rows: [HTML]) -> HTML {
        """
        <div class="wide"><table><thead><tr>\(heads.map { "<th>\($0)</th>" as HTML })</tr></thead>
        <tbody>\(rows)</tbody></table></div>
        """
    }

    private func timeline(_ plan: Plan) -> HTML {
        let marks = StepEffect.allCases.filter { effect in plan.steps.contains { $0.effect == effect } }
        let legend = marks.map { effect -> HTML in
            "<li><i class=\"mark \(effect.rawValue)\"></i>\(effectWords(effect))</li>"
        }
        return """
            <section><h2>Timeline</h2>
            <figure>\(TimelineSVG(plan: plan).drawing)</figure>
            <ul class="legend">\(legend)</ul>
            <p class="note">Estimates from the survey's figures. Hosts work side by side; pauses are not counted.</p>
            </section>
            """
    }

    private func deferred(_ plan: Plan) -> HTML {
        if plan.deferred.isEmpty { return .none }
        let rows = plan.deferred.map { setting -> HTML in
            """
            <tr><td>\(setting.host)</td><td><code>\(setting.name)</code></td>
            <td><code>\(shown(setting.runningValue))</code> → <code>\(shown(setting.wantedValue))</code></td>
            <td>\(setting.meanwhile)</td></tr>
            """
        }
        return """
            <section><h2>Waiting for the next planned switchover</h2>
            <p class="note">Adoption works without these. \(deferredApplication)</p>
            \(table(["host", "setting", "now → then", "until then"], rows))</section>
            """
    }

    private func shown(_ value: String) -> String { value.isEmpty ? "''" : value }

    private func footer(_ plan: Plan) -> HTML {
        """
        <footer><p>\(plan.steps.isEmpty ? "" : PlanSummary(plan).sentence)</p>
        <p>System identifier \(plan.primary.systemIdentifier.description), \
        timeline \(plan.primary.timeline.description), \
        store revision \(plan.fingerprints.store.revision.map(String.init) ?? "unknown"), \
        \(plan.fingerprints.files.count) configuration files compared again before the first effect.</p></footer>
        """
    }
}

/// What an effect class means to those who use the server.
func effectWords(_ effect: StepEffect) -> String {
    switch effect {
    case .none: "nobody notices"
    case .reload: "configuration is read again"
    case .database: "roles or slots in the server"
    case .store: "keys in the store"
    case .service: "units of the service manager"
    case .build: "a copy over the network"
    case .restart: "the server restarts"
    }
}
