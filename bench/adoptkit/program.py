"""pgadopt, run as a person would on a terminal: what it says while it applies, and when each step began and ended."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from pathlib import Path

from labkit import machine
from labkit.settings import Lab, LabError

from .database import DATA

MAX_RATE = "    replicas:\n      max_rate: 40MB\n"
#: `h2/base-backup  1.0 GiB of 2.0 GiB, 50 %, 92.4 MiB/s, 11 s left (streaming database files; limited by the link)`
PROGRESS = re.compile(r"^\s*(\S+/base-backup)\s+(.*)$")
RATE = re.compile(r", ([0-9.]+) (B|KiB|MiB|GiB)/s")
BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
LIMIT = re.compile(r"(limited by [^;()]*|held for some seconds|below max_rate [^;)]*)")


def inventory(lab: Lab) -> Path:
    """The lab's, without its own limit of rate: what is chosen here is chosen on the command line."""
    text = lab.inventory.read_text()
    if MAX_RATE not in text:
        raise LabError(f"{lab.inventory} has no max_rate where it is expected")
    file = lab.directory / "bench.yaml"
    file.write_text(text.replace(MAX_RATE, ""))
    return file


def plan(lab: Lab, options: list[str]) -> Path:
    file = lab.directory / "plan.json"
    for old in lab.directory.glob("plan.*"):
        old.unlink()
    done = subprocess.run(["pgadopt", "plan", str(inventory(lab)), "--out", str(file), *options], capture_output=True,
                          text=True, timeout=300)
    if done.returncode != 2:
        raise LabError(f"pgadopt plan ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-1500:]}")
    return file


def release(lab: Lab, plan_file: Path, postmaster: str) -> None:
    """Back to the legacy server, which must not have been restarted, and two hosts without a copy."""
    done = subprocess.run(["pgadopt", "release", str(plan_file), "--replicas", "remove", "--yes"], capture_output=True,
                          text=True, timeout=600)
    if done.returncode != 0:
        raise LabError(f"pgadopt release ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-1500:]}")
    for host in ("h2", "h3"):
        machine.shell_in(lab, host, f"if [ -e {DATA}/PG_VERSION ]; then echo '{DATA} is still there' >&2; exit 1; fi")
    machine.shell_in(lab, "h1", "systemctl is-active postgresql@15-main.service")
    if (now := postmaster_of(lab)) != postmaster:
        raise LabError(f"h1's postmaster was {postmaster} before the adoption and is {now} after its release")


def postmaster_of(lab: Lab) -> str:
    """Process and start time."""
    return machine.shell_in(lab, "h1", f"sed -n '1p;3p' {DATA}/postmaster.pid | paste -sd' '").strip()


class Apply:
    """One `pgadopt apply`, on a terminal of its own, so that it says every half second how far each copy is."""

    def __init__(self, plan_file: Path):
        self.plan_file = plan_file
        self.journal = plan_file.with_name(plan_file.stem + ".journal.jsonl")
        #: The newest words of each copy, for a line of progress.
        self.words: dict[str, str] = {}
        #: A copy's looks: when, bytes a second, what limits it.
        self.looks: dict[str, list[tuple[float, float | None, str | None]]] = {}
        #: When each step began and ended, by this program's clock.
        self.steps: dict[str, list[float]] = {}
        self.notes: list[str] = []
        self.lines: list[str] = []
        self.begin = self.end = 0.0
        self._journal_read = 0
        self._rest = ""

    @property
    def seconds(self) -> float:
        return self.end - self.begin

    def run(self, deadline: float) -> None:
        ours, theirs = pty.openpty()
        # So wide that no line is broken.
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 1000, 0, 0))
        environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1"}
        self.begin = time.time()
        process = subprocess.Popen(["pgadopt", "apply", str(self.plan_file), "--yes"], stdin=subprocess.DEVNULL,
                                   stdout=theirs, stderr=theirs, env=environment, start_new_session=True)
        os.close(theirs)
        try:
            while self._read(ours):
                self._read_journal()
                if time.time() - self.begin > deadline:
                    raise LabError(f"pgadopt apply has not ended after {deadline:.0f} s: {self.last_words()}")
            status = process.wait(timeout=30)
            self.end = time.time()
            self._read_journal()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            os.close(ours)
        if status != 0:
            raise LabError(f"pgadopt apply ended with {status}: {self.last_words()}")

    def _read(self, terminal: int) -> bool:
        if not select.select([terminal], [], [], 0.05)[0]:
            return True
        try:
            data = os.read(terminal, 65536)
        except OSError:
            # The other end is closed.
            return False
        text = self._rest + data.decode(errors="replace").replace("\x1b[K", "")
        *whole, self._rest = re.split(r"[\r\n]+", text)
        for line in whole:
            self._take(line)
        return bool(data)

    def _take(self, line: str) -> None:
        found = PROGRESS.match(line)
        if found and " of " in line:
            step, words = found[1], found[2].replace("streaming database files; ", "")
            rate, limit = RATE.search(words), LIMIT.search(words)
            self.words[step] = words
            self.looks.setdefault(step, []).append(
                (time.time(), float(rate[1]) * BYTES[rate[2]] if rate else None, limit[1] if limit else None))
        elif line.strip():
            self.lines.append(line.rstrip())

    def _read_journal(self) -> None:
        if not self.journal.exists():
            return
        now = time.time()
        with open(self.journal, "rb") as file:
            file.seek(self._journal_read)
            text = file.read()
        whole = text.rfind(b"\n") + 1
        self._journal_read += whole
        for line in text[:whole].splitlines():
            entry = json.loads(line)
            if entry["event"] == "begun":
                self.steps[entry["step"]] = [now, now]
            elif entry["event"] == "done" and entry["step"] in self.steps:
                self.steps[entry["step"]][1] = now

    def last_words(self) -> str:
        return "\n".join(self.lines[-12:])

    def progress(self) -> str:
        now = [step for step, (begin, end) in list(self.steps.items()) if begin == end]
        return "; ".join(f"{step} {self.words[step]}" if step in self.words else step for step in now) or "preparing"

    def copies(self, size: int) -> list[dict]:
        """Of each base backup of so many bytes: its time, the rates it reached, what limited it in how many looks."""
        found = []
        for step, (begin, end) in sorted(self.steps.items()):
            if not step.endswith("/base-backup"):
                continue
            looks = self.looks.get(step, [])
            limits: dict[str, int] = {}
            for _, rate, limit in looks:
                if rate is not None:
                    # The primary's latency comes with the ratio of the moment.
                    name = re.sub(r" \([^)]*\)|limited by ", "", limit or "not told").strip()
                    limits[name] = limits.get(name, 0) + 1
            rates = [rate for _, rate, _ in looks if rate]
            found.append({"step": step, "begin": begin, "end": end, "seconds": end - begin,
                          "mean": size / (end - begin) if end > begin else None,
                          "fastest": max(rates, default=None), "limits": limits})
        return found

    def copying(self) -> tuple[float, float]:
        """From the begin of the first base backup to the end of the last."""
        times = [times for step, times in self.steps.items() if step.endswith("/base-backup")]
        if not times:
            raise LabError("the journal of the apply has no base backup")
        return min(begin for begin, _ in times), max(end for _, end in times)
