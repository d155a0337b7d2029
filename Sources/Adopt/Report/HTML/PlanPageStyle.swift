/// The page's style. Colours have names, so that dark and print only give them other values.
let planPageStyle = """

    :root {
      --ground: #f6f7f9; --paper: #ffffff; --ink: #1b2330; --quiet: #5a6675; --line: #dfe4ea; --code: #f1f4f7;
      --none: #98a3b1; --reload: #c07a00; --database: #7c4dcc; --store: #0b8a86; --service: #2b6cd4; --build: #2a8a4a;
      --restart: #c5303c; --good: #1f7a41; --goodground: #e7f5ec; --warn: #915c00; --warnground: #fdf3dc;
      --bad: #b3261e; --badground: #fdeceb; --add: #e4f5e9; --del: #fce8e7;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --ground: #11161d; --paper: #19202a; --ink: #e4e9f0; --quiet: #9aa7b6; --line: #2d3744; --code: #121821;
        --none: #6d7a8a; --reload: #e0a03c; --database: #a98aec; --store: #3fbdb8; --service: #6fa3f3;
          --build: #57bd7a;
        --restart: #f0707a; --good: #7ad39a; --goodground: #16301f; --warn: #e9bb62; --warnground: #33280f;
        --bad: #f59a94; --badground: #3a1a19; --add: #17331f; --del: #3b1c1b;
      }
    }
    * { box-sizing: border-box; }
    html { background: var(--ground); color: var(--ink);
      font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
    body { margin: 0; }
    main { max-width: 1120px; margin: 0 auto; padding: 40px 24px 56px; overflow-wrap: anywhere; }
    h1 { font-size: 38px; line-height: 1.1; letter-spacing: -.02em; margin: 2px 0 8px; overflow-wrap: anywhere; }
    h2 { font-size: 20px; letter-spacing: -.01em; margin: 0 0 4px; }
    h3 { font-size: 16px; margin: 26px 0 8px; } h3 small { color: var(--quiet); font-weight: 400; margin-left: 8px; }
    p { margin: 0; }
    code, pre, .name { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
    code { font-size: .88em; overflow-wrap: anywhere; }
    .kicker { color: var(--quiet); font-size: 12px; letter-spacing: .09em; text-transform: uppercase;
      margin-bottom: 6px; }
    .lead { font-size: 17px; } .meta, .note { color: var(--quiet); font-size: 13.5px; margin-top: 4px; }
    .verdict { border-radius: 10px; padding: 13px 17px; margin: 22px 0 14px; border-left: 5px solid; }
    .good { color: var(--good); background: var(--goodground); }
    .bad { color: var(--bad); background: var(--badground); }
    .verdict.warn { color: var(--warn); background: var(--warnground); }
    .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 12px;
      margin: 0 0 14px; }
    .tiles div, section { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; }
    .tiles div { padding: 13px 16px; }
    .tiles dd { margin: 0; font-size: 22px; font-weight: 650; letter-spacing: -.01em; }
    .tiles dt { color: var(--quiet); font-size: 13px; }
    section { padding: 22px 24px; margin-top: 14px; }
    .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(360px, 100%), 1fr)); gap: 18px;
      margin-top: 10px; }
    figure { margin: 10px 0 0; } figcaption { color: var(--quiet); font-size: 13px; margin-bottom: 2px; }
    svg { display: block; width: 100%; height: auto; } svg text { font-size: 11.5px; fill: var(--quiet); }
    .box rect { fill: var(--paper); stroke: var(--line); stroke-width: 1.5; }
    .box .name { font-size: 14px; font-weight: 650; fill: var(--ink); }
    .box.primary rect { stroke: var(--service); stroke-width: 2; } .box.primary .role { fill: var(--service); }
    .box.replica rect { stroke: var(--build); } .box.replica .role { fill: var(--build); }
    .box.store rect { stroke: var(--store); } .box.idle rect { stroke-dasharray: 5 4; fill: none; }
    .box.idle .name { fill: var(--quiet); }
    .stream { fill: none; stroke: var(--build); stroke-width: 2; } .tip { fill: var(--build); }
    .lease { fill: none; stroke: var(--store); stroke-width: 1.5; stroke-dasharray: 3 3; }
    svg .caption { fill: var(--store); }
    .grid { stroke: var(--line); } svg .axis { font-size: 11px; }
    svg .host { font-size: 12.5px; fill: var(--ink); font-weight: 600; }
    .bar text { fill: var(--paper); font-weight: 600; }
    .bar.none rect { fill: var(--none); } .bar.reload rect { fill: var(--reload); }
    .bar.database rect { fill: var(--database); }
    .bar.store rect { fill: var(--store); } .bar.service rect { fill: var(--service); }
    .bar.build rect { fill: var(--build); }
    .bar.restart rect { fill: var(--restart); }
    .legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 18px; padding: 0; margin: 8px 0 0;
      font-size: 13px; color: var(--quiet); }
    .mark { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 6px;
      background: var(--none); }
    .mark.reload { background: var(--reload); } .mark.database { background: var(--database); }
    .mark.store { background: var(--store); }
    .mark.service { background: var(--service); } .mark.build { background: var(--build); }
    .mark.restart { background: var(--restart); }
    table { border-collapse: collapse; width: 100%; margin-top: 12px; font-size: 14px; }
    th { text-align: left; color: var(--quiet); font-weight: 500; font-size: 12.5px; }
    th, td { padding: 7px 12px 7px 0; border-bottom: 1px solid var(--line); vertical-align: top;
      overflow-wrap: anywhere; }
    td:first-child { white-space: nowrap; } tr:last-child td { border-bottom: 0; } .wide { overflow-x: auto; }
    .finding { border-left: 4px solid var(--warn); padding: 3px 0 3px 14px; margin-top: 14px; }
    .finding.fail { border-color: var(--bad); } .why { color: var(--quiet); }
    .do::before { content: "→ "; color: var(--quiet); }
    .do em { color: var(--quiet); font-size: 13px; font-style: normal; }
    .tag { display: inline-block; border: 1px solid currentColor; border-radius: 99px; padding: 0 9px;
      font-size: 12px; line-height: 19px; color: var(--quiet); }
    .tag.fail { color: var(--bad); } .tag.warn, .tag.reload { color: var(--reload); }
    .tag.database { color: var(--database); }
    .tag.store { color: var(--store); } .tag.service { color: var(--service); } .tag.build { color: var(--build); }
    .tag.restart { color: var(--restart); }
    .steps { list-style: none; padding: 0; margin: 0; }
    .steps li { border-top: 1px solid var(--line); padding: 9px 0; }
    .head { display: grid; grid-template-columns: 34px 128px 92px 1fr; align-items: baseline; }
    summary { cursor: pointer; } summary.head { list-style: none; }
    summary.head::-webkit-details-marker { display: none; }
    summary .sentence::after { content: " ▸"; color: var(--quiet); }
    details[open] > summary .sentence::after { content: " ▾"; }
    .number { color: var(--quiet); font-variant-numeric: tabular-nums; }
    .head .name { font-size: 13.5px; font-weight: 600; overflow-wrap: anywhere; }
    .head .tag { justify-self: start; } .undo { color: var(--quiet); font-size: 13.5px; margin-left: 254px; }
    pre { background: var(--code); border-radius: 8px; padding: 11px 14px; margin: 8px 0 6px 34px;
      font-size: 12.3px; line-height: 1.5;
      white-space: pre-wrap; overflow-wrap: anywhere; }
    pre span { display: inline-block; min-width: 100%; } .add { background: var(--add); }
    .del { background: var(--del); } .at { color: var(--quiet); }
    details { margin-top: 10px; } .steps details { margin: 0; }
    footer { color: var(--quiet); font-size: 13px; margin-top: 22px; } footer p { margin-top: 3px; }
    @media (max-width: 700px) { main { padding: 20px 12px; } section { padding: 16px 14px; }
    .head { grid-template-columns: 30px minmax(0, 1fr) auto; } td:first-child { white-space: normal; }
    .sentence { grid-column: 2 / -1; }
    .undo { margin-left: 30px; } pre { margin-left: 0; } }
    @media print {
      :root { --ground: #fff; --paper: #fff; --ink: #000; --quiet: #444; --line: #bbb; --code: #f7f7f7;
        --add: #eee; --del: #eee; }
      html { font-size: 12px; } main { max-width: none; padding: 0; }
      .pair { grid-template-columns: 1fr 1fr; } .tiles { grid-template-columns: repeat(6, 1fr); gap: 8px; }
      .tiles dd { font-size: 16px; }
      section, .tiles div { break-inside: auto; border-color: #bbb; }
      figure, .finding, .tiles, .steps li > .undo { break-inside: avoid; } h2, h3, .head { break-after: avoid; }
      details::details-content { content-visibility: visible; block-size: auto; }
      summary .sentence::after { content: ""; }
      * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
    }

    """
