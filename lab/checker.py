#!/usr/bin/python3
"""Compares the rows that were acknowledged to writer.py with those the table holds now.

A lost row is one of a tail or a hole. A tail is what the last seconds before an outage had acknowledged and the
new leader never received: asynchronous replication may lose it. A hole is a row whose successors, acknowledged
without an outage between, are there: nothing may lose that. Exit 1 for any hole, and for a tail longer than --tail.
"""

import argparse
import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

#: Acknowledgements further apart than this had an outage between them.
OUTAGE = 0.5


def read_log(path: str) -> tuple[list[tuple[int, float]], set[int]]:
    """The acknowledged rows with their times, in order, and those whose fate the client never learnt."""
    acknowledged, unknown = [], set()
    for line in Path(path).read_text().splitlines():
        kind, number, _, at = line.split()
        if kind == "+":
            acknowledged.append((int(number), float(at)))
        else:
            unknown.add(int(number))
    return acknowledged, unknown


def compare(acknowledged: list[tuple[int, float]], unknown: set[int], present: set[int]) -> dict:
    tails, holes, run = [], [], []
    for index, (number, at) in enumerate(acknowledged):
        if number not in present:
            run.append(number)
        last = index + 1 == len(acknowledged)
        outage = not last and (acknowledged[index + 1][1] - at > OUTAGE or acknowledged[index + 1][0] != number + 1)
        if outage or last:
            # What is missing right up to the outage is its tail.
            if run and run[-1] == number:
                tails.append(run)
            else:
                holes += run
            run = []
        elif run and number in present:
            holes += run
            run = []
    numbers = {number for number, _ in acknowledged}
    return {
        "acknowledged": len(acknowledged), "present": len(present), "holes": holes,
        "tails": [{"first": tail[0], "last": tail[-1], "rows": len(tail)} for tail in tails],
        "lost": len(holes) + sum(len(tail) for tail in tails),
        "unacknowledged_but_present": len(present & unknown),
        "never_sent": sorted(present - numbers - unknown)[:20],
    }


def main() -> int:
    import psycopg2

    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--dsn", required=True)
    arguments.add_argument("--log", required=True, help="what writer.py wrote with --log")
    arguments.add_argument("--summary", help="file for the result, as JSON")
    arguments.add_argument("--tail", type=int, default=0, metavar="ROWS",
                           help="rows that one outage may cost (asynchronous replication); default 0")
    options = arguments.parse_args()
    with psycopg2.connect(options.dsn) as connection, connection.cursor() as cursor:
        cursor.execute("select n from lab_writer")
        present = {row[0] for row in cursor.fetchall()}
    result = compare(*read_log(options.log), present)
    if options.summary:
        Path(options.summary).write_text(json.dumps(result, indent=2) + "\n")
    longest = max((tail["rows"] for tail in result["tails"]), default=0)
    sound = not result["holes"] and not result["never_sent"] and longest <= options.tail
    print(f"checker: {result['acknowledged']} acknowledged, {result['present']} present, {result['lost']} lost "
          f"({len(result['holes'])} in holes, longest tail {longest}, allowed {options.tail}), "
          f"{result['unacknowledged_but_present']} present without acknowledgement: {'ok' if sound else 'FAILED'}")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
