#!/usr/bin/python3
"""Asks every host 10 times a second to accept a write, and looks for two that do at the same time.

Each answer is recorded with host, timeline and the times of sending and of the acknowledgement. Two writable
primaries: a host accepted a write that was sent after another host, on a later timeline, had accepted one.
A write acknowledged late but sent before counts as `late`, not as an overlap. Exit 1 when there is an overlap.
"""

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import psycopg2  # noqa: E402
import psycopg2.extensions  # noqa: E402

from labkit import client  # noqa: E402

PERIOD = 0.100
WRITE = ("insert into lab_prober(host, n) values (%s, %s) "
         "returning substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)")


class Probe:
    """One host, one thread, one connection."""

    def __init__(self, host: str, dsn: str, stop: threading.Event, say):
        self.host, self.dsn, self.stop, self.say = host, dsn, stop, say
        self.accepted: list[tuple[int, float, float]] = []
        self.state = ""
        self.connection = None
        self.count = 0

    def run(self) -> None:
        while not self.stop.is_set():
            began = client.now()
            self.change(self.ask())
            self.stop.wait(max(0.0, PERIOD - (client.now() - began)))

    def ask(self) -> str:
        try:
            if self.connection is None:
                self.connection = psycopg2.connect(self.dsn, application_name="lab-prober")
                self.connection.autocommit = True
            self.count += 1
            sent = client.now()
            with self.connection.cursor() as cursor:
                cursor.execute(WRITE, (self.host, self.count))
                timeline = int(cursor.fetchone()[0], 16)
            self.accepted.append((timeline, sent, client.now()))
            return f"writable, timeline {timeline}"
        except psycopg2.errors.ReadOnlySqlTransaction:
            # Its session may be told so only until promotion; the connection stays.
            return "read-only"
        except psycopg2.errors.UndefinedTable:
            return "read-only"
        except psycopg2.Error as error:
            if self.connection is not None:
                self.connection.close()
                self.connection = None
            return f"no: {client.one_line(error)}"

    def change(self, state: str) -> None:
        kind = state.split(":")[0]
        if kind != self.state:
            self.state = kind
            self.say(f"{self.host} {state}")


def verdict(accepted: dict[str, list[tuple[int, float, float]]]) -> dict:
    """Who was writable when, the outages between, and the overlaps."""
    terms = []
    for host, writes in accepted.items():
        for timeline in sorted({write[0] for write in writes}):
            own = [write for write in writes if write[0] == timeline]
            terms.append({"host": host, "timeline": timeline, "writes": len(own), "first_acknowledged": own[0][2],
                          "last_sent": own[-1][1], "last_acknowledged": own[-1][2]})
    terms.sort(key=lambda term: (term["first_acknowledged"]))
    overlaps, late, outages = [], [], []
    for earlier in terms:
        for later in terms:
            if earlier["host"] == later["host"] or later["first_acknowledged"] <= earlier["first_acknowledged"]:
                continue
            pair = {"old": earlier, "new": later,
                    "seconds": round(earlier["last_sent"] - later["first_acknowledged"], 3)}
            if earlier["last_sent"] > later["first_acknowledged"]:
                overlaps.append(pair)
            elif earlier["last_acknowledged"] > later["first_acknowledged"]:
                late.append(pair)
    for before, after in zip(terms, terms[1:]):
        if after["first_acknowledged"] > before["last_acknowledged"]:
            outages.append({"from": before["host"], "to": after["host"],
                            "seconds": round(after["first_acknowledged"] - before["last_acknowledged"], 3)})
    return {"terms": terms, "overlaps": overlaps, "late": late, "outages": outages}


def prepare(dsn: str) -> None:
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("drop table if exists lab_prober")
        cursor.execute("create table lab_prober(host text, n bigint, at timestamptz default clock_timestamp())")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--dsn", required=True, help="multi-host libpq connection string (lab/lab dsn)")
    arguments.add_argument("--summary", help="file for the verdict, as JSON")
    arguments.add_argument("--seconds", type=float)
    arguments.add_argument("--quiet", action="store_true")
    options = arguments.parse_args()
    prepare(options.dsn)
    began, stop = client.now(), threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def say(text: str) -> None:
        if not options.quiet:
            print(f"prober {client.now() - began:8.3f} s  {text}", flush=True)

    probes = []
    for dsn in client.split_hosts(options.dsn):
        values = psycopg2.extensions.parse_dsn(dsn)
        values.pop("target_session_attrs", None)
        values["options"] = "-c statement_timeout=2000"
        probes.append(Probe(values["host"], psycopg2.extensions.make_dsn(**values), stop, say))
    threads = [threading.Thread(target=probe.run, daemon=True) for probe in probes]
    for thread in threads:
        thread.start()
    orphanage, end = client.Orphanage(), began + options.seconds if options.seconds else None
    while not stop.wait(0.2) and not orphanage.is_orphan() and (end is None or client.now() < end):
        pass
    stop.set()
    for thread in threads:
        thread.join(timeout=5)
    result = verdict({probe.host: list(probe.accepted) for probe in probes})
    if options.summary:
        Path(options.summary).write_text(json.dumps(result, indent=2) + "\n")
    longest = max((outage["seconds"] for outage in result["outages"]), default=0.0)
    print(f"prober: {sum(term['writes'] for term in result['terms'])} writes accepted by "
          f"{len(result['terms'])} leader(s), longest without a leader {longest:.3f} s, "
          f"{len(result['overlaps'])} overlaps: {'FAILED, two were writable at once' if result['overlaps'] else 'ok'}")
    return 1 if result["overlaps"] else 0


if __name__ == "__main__":
    sys.exit(main())
