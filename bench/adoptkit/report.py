"""The figures of bench/adopt as a table, and as JSON."""

import os
import platform

#: What is to be reached.
MOST_RATIO = 1.3
MOST_STALL = 0.1
MOST_TIME = 1.15


def one_line(load: dict) -> str:
    before, during = load["before"], load["during"]
    return (f"p99 {milliseconds(before['p99'])} before, {milliseconds(during['p99'])} during ({times(load['ratio'])}), "
            f"longest stall {seconds(max(during['stall'], during['writer_gap']))}, errors {errors(load)}, "
            f"took {load['adoption']['seconds']:.1f} s")


def errors(load: dict) -> int:
    return load["errors"] + load["writer_errors"]


def table(options, results: dict) -> str:
    names = list(results)
    titles = {"pgadopt": "pgadopt", "patroni": "Patroni, by script"}
    size = max(own.get("size", 0) for own in results.values())
    lines = [f"{size / 2**30:.2f} GiB, scale {options.scale}, {os.cpu_count()} cores for all hosts and the clients"
             + (f", links of {options.link}" if options.link else "")
             + (f", max_rate {options.max_rate}" if options.max_rate else "")
             + (f", {options.primary_cores} of them the primary's own" if options.primary_cores else "")
             + (f", a commit waits {options.commit:g} ms" if options.commit else "")
             + (", the replicas' disks in memory" if options.memory_disks else ""), ""]
    lines += ["| | " + " | ".join(titles[name] for name in names) + " | to reach |",
              "|---|" + "--:|" * (len(names) + 1)]
    for title, part, cell, goal in ROWS:
        cells = [" / ".join(cell(entry) for entry in results[name][part]) or "-" for name in names]
        if any(text != "-" for text in cells):
            lines.append(f"| {title} | " + " | ".join(cells) + f" | {goal} |")
    return "\n".join(lines + [""] + stalls(results)).rstrip()


def copy_words(entry: dict) -> str:
    """Of each copy of an apply: rate and limits."""
    copies = entry.get("copies") or entry.get("adoption", {}).get("copies") or []
    return "<br>".join(f"{copy['step'].split('/')[0]}: {rate_words(copy, entry)}" for copy in copies) or "-"


def rate_words(copy: dict, entry: dict) -> str:
    looks = sum(copy["limits"].values())
    parts = sorted(copy["limits"].items(), key=lambda item: -item[1])
    limits = ", ".join(f"{name} {100 * count // looks} %" for name, count in parts)
    fastest = f", at most {copy['fastest'] / 2**20:.0f}" if copy["fastest"] else ""
    return f"{copy['mean'] / 2**20:.0f} MiB/s{fastest}" + (f"; {limits}" if limits else "")


def stalls(results: dict) -> list[str]:
    lines = []
    for name, own in results.items():
        for load in own["load"]:
            during = load["during"]
            for what, words in (("stall", "longest stall of pgbench"), ("writer_gap", "longest gap of the writer")):
                if f"{what}_second" not in during:
                    continue
                steps = ", ".join(during[f"{what}_step"]) or "no step, so while it looked at the hosts"
                moment = f"{during[f'{what}_second']:.1f} s after the begin"
                lines.append(f"{name}: {words} {seconds(during[what])}, {moment}"
                             + (f", in {steps}" if name == "pgadopt" else ""))
            lines += [f"{name}: {error}" for error in load["first_errors"]]
    return lines


def document(options, results: dict) -> dict:
    chosen = {name: value for name, value in vars(options).items() if name != "json"}
    return {"options": chosen, "cores": os.cpu_count(), "kernel": platform.release(), "results": results}


def milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"


def seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f} s"


def times(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} x"


#: Title, part of the results, the cell of one round, and what is to be reached.
ROWS = [
    ("load average of the machine before it", "load", lambda e: f"{e['load_average']:.1f}", ""),
    ("pgbench's maximum alone, transactions/s", "load", lambda e: f"{e['alone']:.0f}", ""),
    ("the same with two standbys", "load", lambda e: f"{e['maximum']:.0f}", ""),
    ("offered", "load", lambda e: f"{e['rate']:.0f}", ""),
    ("p99 before, since a transaction was due", "load", lambda e: milliseconds(e["before"]["p99"]), ""),
    ("p99 during the adoption", "load", lambda e: milliseconds(e["during"]["p99"]), ""),
    ("ratio", "load", lambda e: times(e["ratio"]), f"{MOST_RATIO} x"),
    ("p99 of the transaction alone, before", "load", lambda e: milliseconds(e["before"]["p99_without_lag"]), ""),
    ("the same during", "load", lambda e: milliseconds(e["during"]["p99_without_lag"]), ""),
    ("ratio of these", "load",
     lambda e: times(e["during"]["p99_without_lag"] / e["before"]["p99_without_lag"]), f"{MOST_RATIO} x"),
    ("p99 while data was copied", "load", lambda e: milliseconds(e.get("copying", {}).get("p99")), ""),
    ("p99 after it", "load", lambda e: milliseconds(e["after"]["p99"]), ""),
    ("longest time without a transaction of any client, before", "load", lambda e: seconds(e["before"]["stall"]), ""),
    ("the same during", "load", lambda e: seconds(e["during"]["stall"]), f"{MOST_STALL} s"),
    ("longest gap of the writer, before", "load", lambda e: seconds(e["before"]["writer_gap"]), ""),
    ("the same during", "load", lambda e: seconds(e["during"]["writer_gap"]), f"{MOST_STALL} s"),
    ("errors of pgbench and writer", "load", lambda e: str(errors(e)), "0"),
    ("time of the adoption under load", "load", lambda e: f"{e['adoption']['seconds']:.1f} s", ""),
    ("copies under load", "load", copy_words, ""),
    ("load average of the machine before the copies", "copies", lambda e: f"{e['load_average']:.1f}", ""),
    ("two bare pg_basebackup side by side, no load", "copies", lambda e: f"{e['bare']['seconds']:.1f} s", ""),
    ("copies of apply, no load", "copies", lambda e: f"{e['copying']:.1f} s", ""),
    ("ratio", "copies", lambda e: times(e["copying"] / e["bare"]["seconds"]), f"{MOST_TIME} x"),
    ("whole apply, no load", "copies", lambda e: f"{e['apply']:.1f} s", ""),
    ("ratio", "copies", lambda e: times(e["apply"] / e["bare"]["seconds"]), f"{MOST_TIME} x"),
    ("copies, no load", "copies", copy_words, ""),
]
