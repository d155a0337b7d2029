"""Load on the primary: pgbench at a fixed rate from this machine, and the lab's writer beside it."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

from labkit.settings import Lab, LabError

from .latency import Transactions, longest_gap, writer_acknowledgements

WRITER = Path(__file__).resolve().parents[2] / "lab/writer.py"


class Client:
    """How pgbench is called: so many clients, each with one connection that it keeps."""

    def __init__(self, lab: Lab, clients: int):
        threads = min(2, clients)
        # Before all others, as on a machine of its own: a client that waits for a processor sees a slow server.
        # Ends with the thread that started it, also when this program is killed.
        self.command = ["chrt", "--rr", "1", "setpriv", "--pdeathsig", "TERM", "pgbench", "-h", lab.address("h1"), "-U", "app", "-n",
                        "-c", str(clients), "-j", str(threads)]
        self.environment = {**os.environ, "PGPASSFILE": str(lab.passfile), "LC_ALL": "C.UTF-8"}

    def maximum(self, seconds: int) -> float:
        """Transactions a second when every client begins the next one at once; the first seconds do not count."""
        self._closed(5)
        return self._closed(seconds)

    def _closed(self, seconds: int) -> float:
        done = subprocess.run([*self.command, "-T", str(seconds), "bench"], env=self.environment, capture_output=True,
                              text=True, timeout=seconds + 60)
        found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
        if done.returncode != 0 or not found:
            raise LabError(f"pgbench ended with {done.returncode}: {done.stderr.strip()[-400:]}")
        return float(found[1])


class Load:
    """From `begin` to `end`. A pgbench whose connections are cut is started again until it is let in."""

    def __init__(self, client: Client, dsn: str, rate: float, work: Path):
        self.client, self.dsn, self.rate, self.work = client, dsn, rate, work
        self.transactions = Transactions(work / "transactions")
        self.wall_minus_monotonic = time.time() - time.monotonic()
        #: Transactions that were under way when their connection was lost, and connections that were refused.
        self.lost = self.refused = 0
        self.first_errors: list[str] = []
        self.writer = self.pgbench = None
        self.stop = threading.Event()
        self.supervisor = threading.Thread(target=self._supervise, daemon=True)

    def begin(self) -> None:
        self.writer = subprocess.Popen(
            ["chrt", "--rr", "1", WRITER, "--quiet", "--dsn", self.dsn, "--log", self.work / "writer.log",
             "--summary", self.work / "writer.json"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.supervisor.start()

    def _supervise(self) -> None:
        number = 0
        while not self.stop.is_set():
            number += 1
            complaints = self.work / f"pgbench-{number}.stderr"
            with open(complaints, "wb") as errors:
                self.pgbench = subprocess.Popen(
                    [*self.client.command, "-R", f"{self.rate:.1f}", "-T", "86400", "-l",
                     f"--log-prefix={self.transactions.prefix}", "bench"],
                    env=self.client.environment, stdout=subprocess.DEVNULL, stderr=errors)
                self.pgbench.wait()
            if not self.stop.is_set():
                self._count(complaints.read_text(errors="replace"))
                time.sleep(0.05)

    def _count(self, complaints: str) -> None:
        lines = [line for line in complaints.splitlines() if "error" in line or "aborted" in line]
        aborted = sum("aborted in" in line for line in lines)
        self.lost += aborted
        self.refused += 0 if aborted else 1
        self.first_errors += [" ".join(line.split())[:200] for line in lines[: 10 - len(self.first_errors)]]

    def since(self, seconds: float) -> str:
        """For a line of progress."""
        self.transactions.read()
        now = time.time()
        seen = self.transactions.window(now - seconds, now)
        if not seen["transactions"]:
            return "no transaction"
        return f"{seen['rate']:.0f} transactions/s, p99 {seen['p99']:.1f} ms"

    def end(self) -> None:
        """Idempotent. Leaves no process."""
        self.stop.set()
        deadline = time.monotonic() + 20
        while self.supervisor.is_alive():
            if self.pgbench is not None and self.pgbench.poll() is None:
                self.pgbench.terminate() if time.monotonic() < deadline else self.pgbench.kill()
            self.supervisor.join(timeout=0.5)
        if self.writer is not None and self.writer.poll() is None:
            self.writer.send_signal(signal.SIGINT)
            try:
                self.writer.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.writer.kill()
                self.writer.wait()

    def check(self) -> None:
        """A load that does not run measures nothing."""
        if self.writer.poll() is not None:
            raise LabError(f"the writer ended with {self.writer.returncode}")
        if not self.supervisor.is_alive():
            raise LabError("pgbench's supervisor has ended")

    def errors(self) -> int:
        """So far: failed and lost transactions, and connections that were refused."""
        return self.transactions.failed + self.lost + self.refused

    def is_calm(self, begin: float, end: float) -> bool:
        """As many transactions end as are offered, and they are not waiting in a long queue for their clients."""
        seen = self.transactions.window(begin, end)
        return seen["rate"] > 0.9 * self.rate and seen["p99"] < 5 * seen["p99_without_lag"]

    def is_borne(self, begin: float, end: float) -> bool:
        """A checkpoint makes a queue, and it is served before the next one: at some moment of the last minute there was
        none, and all that was offered has ended."""
        moments = range(int(max(begin, end - 60)), int(end) - 5)
        return self.transactions.window(begin, end)["rate"] > 0.98 * self.rate and any(
            self.is_calm(moment, moment + 5) for moment in moments)

    def await_calm(self, seconds: float) -> bool:
        """Connections are made, caches fill, and what has queued up meanwhile is served."""
        deadline = time.monotonic() + seconds
        time.sleep(10)
        while time.monotonic() < deadline:
            self.transactions.read()
            # Not until now: what was written last is still in pgbench's buffer.
            newest = self.transactions.last()
            if newest and self.is_calm(newest - 5, newest):
                return True
            time.sleep(1)
        return False

    def window(self, begin: float, end: float) -> dict:
        """After the end: what both clients saw between two moments."""
        self.transactions.read()
        writer = writer_acknowledgements(self.work / "writer.log", self.wall_minus_monotonic)
        at, gap = longest_gap(writer, begin, end)
        return {**self.transactions.window(begin, end), "writer_gap": gap, "writer_gap_at": at}

    def writer_errors(self) -> int:
        return json.loads((self.work / "writer.json").read_text())["errors"]
