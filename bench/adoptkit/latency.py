"""What clients saw, from the logs that pgbench and the lab's writer keep: percentiles and stalls of a time."""

import math
from array import array
from bisect import bisect_left, bisect_right
from pathlib import Path


class Transactions:
    """Every transaction that pgbench ended; several runs and threads, read while they are written.

    With a rate (-R) pgbench counts a transaction's time from the moment at which it was due, so that waiting for a free
    client (its `schedule_lag`) is part of it: what a client of an open system sees. Times are of the wall clock."""

    def __init__(self, prefix: Path):
        self.prefix = prefix
        #: A row a transaction: when it ended in seconds, how long it took since it was due, and how much of that it
        #: waited for a free client, both in milliseconds.
        self.ends, self.times, self.lags = array("d"), array("d"), array("d")
        self.failed = 0
        self._offsets: dict[Path, int] = {}
        self._sorted = 0

    def read(self) -> None:
        """Takes in what has been written since the last time."""
        for file in sorted(self.prefix.parent.glob(self.prefix.name + ".*")):
            with open(file, "rb") as log:
                log.seek(self._offsets.get(file, 0))
                text = log.read()
            # A line that is half written is for the next time.
            whole = text.rfind(b"\n") + 1
            self._offsets[file] = self._offsets.get(file, 0) + whole
            for line in text[:whole].splitlines():
                self._add(line.split())

    def _add(self, fields: list[bytes]) -> None:
        if len(fields) < 7 or not fields[2].isdigit():
            self.failed += 1
            return
        self.ends.append(int(fields[4]) + int(fields[5]) / 1e6)
        self.times.append(int(fields[2]) / 1000)
        self.lags.append(int(fields[6]) / 1000)

    def _sort(self) -> None:
        if self._sorted == len(self.ends):
            return
        order = sorted(range(len(self.ends)), key=self.ends.__getitem__)
        for name in ("ends", "times", "lags"):
            values = getattr(self, name)
            setattr(self, name, array("d", (values[index] for index in order)))
        self._sorted = len(self.ends)

    def window(self, begin: float, end: float) -> dict:
        """Of the transactions that ended between the two; `stall` is the longest time in which none did."""
        self._sort()
        first, last = bisect_left(self.ends, begin), bisect_right(self.ends, end)
        times = sorted(self.times[first:last])
        own = sorted(time - lag for time, lag in zip(self.times[first:last], self.lags[first:last]))
        at, stall = longest_gap(self.ends, begin, end)
        return {"begin": begin, "seconds": end - begin, "transactions": last - first,
                "rate": (last - first) / (end - begin) if end > begin else 0.0,
                "mean": sum(times) / len(times) if times else None,
                **{f"p{q}": percentile(times, q) for q in (50, 95, 99)}, "p99_without_lag": percentile(own, 99),
                "worst": times[-1] if times else None, "stall": stall, "stall_at": at}

    def last(self) -> float:
        self._sort()
        return self.ends[-1] if self.ends else 0.0


def percentile(ordered: list[float], percent: float) -> float | None:
    """The nearest rank: a value that was measured."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def longest_gap(ends, begin: float, end: float) -> tuple[float | None, float]:
    """When the longest gap between two ends began, and its length; a gap that only touches the window counts whole."""
    first = max(0, bisect_left(ends, begin) - 1)
    last = min(len(ends), bisect_right(ends, end) + 1)
    longest, at = 0.0, None
    for index in range(first + 1, last):
        gap = ends[index] - ends[index - 1]
        if gap > longest:
            longest, at = gap, ends[index - 1]
    return at, longest


def writer_acknowledgements(log: Path, wall_minus_monotonic: float) -> array:
    """The wall-clock times at which the lab's writer got an answer."""
    times = array("d")
    for line in log.read_text().splitlines():
        fields = line.split()
        if len(fields) == 4 and fields[0] == "+":
            times.append(float(fields[3]) + wall_minus_monotonic)
    return times
