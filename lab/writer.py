#!/usr/bin/python3
"""Writes one row every 10 ms, as an application would, and tells what it saw: rows, errors, the longest gap.

It connects with one multi-host connection string and reconnects when the server goes away. Every acknowledged
row is logged with its times, so that checker.py can look for it afterwards. Ends at SIGINT, SIGTERM or --seconds.
"""

import argparse
import json
import signal
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import psycopg2  # noqa: E402
import psycopg2.extensions  # noqa: E402

from labkit import client  # noqa: E402

PERIOD = 0.010
NOTABLE_GAP = 0.050


class Writer:
    def __init__(self, dsn: str, log, quiet: bool):
        self.dsn, self.log, self.quiet = dsn, log, quiet
        self.connection = None
        self.rotation = 0
        self.host = ""
        self.stop = False
        self.began = client.now()
        self.next_row = 1
        self.rows = 0
        self.errors: list[dict] = []
        self.gaps: list[dict] = []
        self.last_acknowledged = None

    def run(self, seconds: float | None) -> None:
        end = self.began + seconds if seconds else None
        due = client.now()
        orphanage = client.Orphanage()
        while not self.stop and not orphanage.is_orphan() and (end is None or client.now() < end):
            if self.connection is None and not self.connect():
                time.sleep(0.05)
                continue
            self.write_row()
            due = max(due + PERIOD, client.now() - PERIOD)
            time.sleep(max(0.0, due - client.now()))

    def connect(self) -> bool:
        # The synchronous connect: libpq applies connect_timeout to each host only there.
        psycopg2.extensions.set_wait_callback(None)
        try:
            connection = psycopg2.connect(client.rotated(self.dsn, self.rotation), application_name="lab-writer")
            connection.autocommit = True
        except psycopg2.Error as error:
            self.note_error("connect", error)
            return False
        psycopg2.extensions.set_wait_callback(client.wait_with_deadline)
        if connection.info.host != self.host:
            self.host = connection.info.host
            self.say(f"writing to {self.host}")
        self.connection = connection
        return True

    def write_row(self) -> None:
        number = self.next_row
        self.next_row += 1
        sent = client.now()
        try:
            with self.connection.cursor() as cursor:
                cursor.execute("insert into lab_writer(n) values (%s)", (number,))
        except psycopg2.Error as error:
            self.log.write(f"? {number} {sent:.6f} {client.now():.6f}\n")
            self.note_error("write", error)
            self.disconnect()
            return
        self.acknowledge(number, sent, client.now())

    def acknowledge(self, number: int, sent: float, acknowledged: float) -> None:
        self.log.write(f"+ {number} {sent:.6f} {acknowledged:.6f}\n")
        self.rows += 1
        if self.last_acknowledged is not None:
            gap = acknowledged - self.last_acknowledged
            if gap > NOTABLE_GAP:
                self.gaps.append({"at": round(self.last_acknowledged - self.began, 3), "seconds": round(gap, 3),
                                  "monotonic": self.last_acknowledged, "next": number})
                self.say(f"gap of {gap:.3f} s, then row {number} at {self.host}")
        self.last_acknowledged = acknowledged

    def disconnect(self) -> None:
        try:
            self.connection.close()
        except psycopg2.Error:
            pass
        self.connection = None
        # The host that just failed is asked last from now on.
        hosts = psycopg2.extensions.parse_dsn(self.dsn)["host"].split(",")
        if self.host in hosts:
            self.rotation = hosts.index(self.host) + 1

    def note_error(self, doing: str, error: psycopg2.Error) -> None:
        entry = {"at": round(client.now() - self.began, 3), "doing": doing, "error": client.one_line(error)}
        if not self.errors or self.errors[-1]["error"] != entry["error"]:
            self.say(f"{doing} failed: {entry['error']}")
        self.errors.append(entry)

    def say(self, text: str) -> None:
        if not self.quiet:
            print(f"writer {client.now() - self.began:8.3f} s  {text}", flush=True)

    def summary(self) -> dict:
        longest = max((gap["seconds"] for gap in self.gaps), default=0.0)
        return {"rows": self.rows, "errors": len(self.errors), "longest_gap_seconds": longest,
                "seconds": round(client.now() - self.began, 3), "gaps": self.gaps, "first_errors": self.errors[:20]}


def prepare(dsn: str) -> None:
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("drop table if exists lab_writer")
        cursor.execute("create table lab_writer(n bigint primary key, at timestamptz default clock_timestamp())")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--dsn", required=True, help="multi-host libpq connection string (lab/lab dsn)")
    arguments.add_argument("--log", required=True, help="file for acknowledged rows")
    arguments.add_argument("--summary", help="file for the summary, as JSON")
    arguments.add_argument("--seconds", type=float, help="end after this long")
    arguments.add_argument("--quiet", action="store_true", help="only the summary")
    options = arguments.parse_args()

    with open(options.log, "w", buffering=1) as log:
        prepare(options.dsn)
        writer = Writer(options.dsn, log, options.quiet)

        def end(*_):
            writer.stop = True

        signal.signal(signal.SIGINT, end)
        signal.signal(signal.SIGTERM, end)
        writer.run(options.seconds)
    summary = writer.summary()
    if options.summary:
        Path(options.summary).write_text(json.dumps(summary, indent=2) + "\n")
    print(f"writer: {summary['rows']} rows in {summary['seconds']:.1f} s, {summary['errors']} errors, "
          f"longest gap {summary['longest_gap_seconds']:.3f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
