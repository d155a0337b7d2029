"""The legacy server's data: made large, copied by hand for comparison, and brought to the same state before a try."""

import os
import secrets
import subprocess
import time
from pathlib import Path

from labkit import machine
from labkit.settings import Lab, LabError

DATA = "/var/lib/postgresql/15/main"
#: Bytes of one unit of pgbench's scale, its index included.
SCALE_UNIT = 15_680_000
COPY = "/var/lib/postgresql/bench-copy"
PASSFILE = "/var/lib/postgresql/bench-passfile"
ROLE = "bench_copy"
HBA = "/etc/postgresql/15/main/pg_hba.conf"


def patience(size: int) -> float:
    """Seconds after which a copy of so many bytes is given up: two copies at 4 MB/s, the slowest of an apply."""
    return 600 + 2 * size / 4_000_000


def start(lab: Lab, host: str, script: str) -> subprocess.Popen:
    """A POSIX shell script in the host, as root."""
    process = subprocess.Popen(machine.command_in(lab, host, ["sh", "-eu"]), stdin=subprocess.PIPE, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    process.stdin.write(script)
    process.stdin.close()
    return process


def shell(lab: Lab, host: str, script: str, seconds: float = 900) -> str:
    """The same to its end, for what takes longer than setting up a small lab."""
    try:
        done = subprocess.run(machine.command_in(lab, host, ["sh", "-eu"]), input=script, capture_output=True,
                              text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise LabError(f"{host}: not done after {seconds:.0f} s: {script.strip()}") from None
    if done.returncode != 0:
        raise LabError(f"{host}: {done.stderr.strip() or done.stdout.strip()} (exit {done.returncode})")
    return done.stdout


def sql(lab: Lab, statement: str, database: str = "postgres") -> str:
    """As the superuser, on h1. On standard input, since a password may be in it."""
    return shell(lab, "h1", f"""
cd /
runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 {database} <<'END'
{statement}
END
""").strip()


def fill(lab: Lab, scale: int, say) -> int:
    """pgbench's tables anew, of that scale. Returns the bytes of all databases."""
    filling = start(lab, "h1", f"""
cd /
export PGOPTIONS='-c role=app'
runuser -u postgres -- pgbench -i -q -I dtgvp -s {scale} bench 2>&1 | tail -n 3
""")
    wanted, began, said = scale * SCALE_UNIT, time.monotonic(), time.monotonic()
    while filling.poll() is None:
        time.sleep(0.2)
        if time.monotonic() - began > 300 + wanted / 2_000_000:
            filling.kill()
            raise LabError(f"pgbench has not made its tables in {time.monotonic() - began:.0f} s")
        if time.monotonic() - said > 15:
            said = time.monotonic()
            say(f"filling: {total_size(lab) / 2**30:.2f} of about {wanted / 2**30:.2f} GiB")
    if filling.returncode != 0 or "done in" not in (words := filling.stdout.read()):
        raise LabError(f"pgbench -i ended with {filling.returncode}: {words.strip()[-400:]}")
    # Statistics and visibility are made now, or autovacuum makes them while something is measured.
    sql(lab, "vacuum (analyze)", "bench")
    settle(lab)
    return total_size(lab)


def total_size(lab: Lab) -> int:
    return int(sql(lab, "select sum(pg_database_size(oid))::bigint from pg_database;"))


def slow_commits(lab: Lab, milliseconds: float) -> None:
    """Every flush of the WAL takes so much longer; whoever commits meanwhile is flushed with it, as on a disk."""
    for setting in (f"commit_delay = {round(milliseconds * 1000)}", "commit_siblings = 0"):
        sql(lab, f"alter system set {setting};")
    sql(lab, "select pg_reload_conf();")


def settle(lab: Lab) -> None:
    """Nothing is left to be written."""
    sql(lab, "checkpoint;")
    os.sync()


def cool(lab: Lab) -> bool:
    """Settled, and nothing of any disk in memory: what is copied must be read. False: not allowed on this machine."""
    settle(lab)
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3\n")
        return True
    except OSError:
        return False


def warm(lab: Lab) -> None:
    """The database in the page cache, as far as it fits, so that a load is the same from its first second on."""
    shell(lab, "h1", f"find {DATA}/base {DATA}/global -type f -exec cat {{}} + > /dev/null", 1800)


def bare_copies(lab: Lab, size: int, max_rate: str | None, say) -> dict:
    """Seconds of two plain pg_basebackup runs side by side, from h1 to h2 and h3. Leaves nothing of them."""
    allow(lab, secrets.token_hex(12))
    say("two bare pg_basebackup runs, side by side")
    took = time_copies(lab, size, max_rate, say)
    # What an error leaves goes with the lab.
    for host in ("h2", "h3"):
        shell(lab, host, f"rm -rf {COPY} {PASSFILE}")
    shell(lab, "h1", f"mv {HBA}.bench {HBA}; systemctl reload postgresql@15-main")
    sql(lab, f"drop role {ROLE};")
    return took


def allow(lab: Lab, password: str) -> None:
    shell(lab, "h1", f"""
cp -p {HBA} {HBA}.bench
echo 'host replication {ROLE} {lab.subnet} scram-sha-256' >> {HBA}
systemctl reload postgresql@15-main
""")
    sql(lab, f"create role {ROLE} login replication password '{password}';")
    for host in ("h2", "h3"):
        shell(lab, host, f"""
umask 077
echo '*:*:*:{ROLE}:{password}' > {PASSFILE}
chown postgres:postgres {PASSFILE}
""")


def time_copies(lab: Lab, size: int, max_rate: str | None, say) -> dict:
    rate = f" --max-rate={pg_rate(max_rate)}" if max_rate else ""
    script = f"""
cd /
runuser -u postgres -- env PGPASSFILE={PASSFILE} LC_ALL=C \\
  pg_basebackup -w -h {lab.address("h1")} -U {ROLE} -D {COPY} -X stream -c fast{rate}
"""
    began = said = time.monotonic()
    running = {host: start(lab, host, script) for host in ("h2", "h3")}
    took: dict[str, float] = {}
    while running:
        time.sleep(0.05)
        now = time.monotonic()
        for host, process in list(running.items()):
            if process.poll() is None:
                continue
            took[host] = now - began
            del running[host]
            if process.returncode != 0:
                words = process.stdout.read().strip()[-400:]
                raise LabError(f"{host}: pg_basebackup ended with {process.returncode}: {words}")
        if now - began > patience(size):
            raise LabError(f"the bare copies have not ended after {now - began:.0f} s")
        if now - said > 15:
            said = now
            done = ", ".join(f"{host} {copied(lab, host) / 2**30:.2f}" for host in ("h2", "h3"))
            say(f"bare copies: {done} of {size / 2**30:.2f} GiB")
    return {"seconds": max(took.values()), "hosts": took}


def copied(lab: Lab, host: str) -> int:
    return int(shell(lab, host, f"du -sk {COPY} 2>/dev/null | cut -f 1 || true").strip() or 0) * 1024


def pg_rate(text: str) -> str:
    """`100MB`, as the inventory has it, for pg_basebackup, which says k and M."""
    for unit, word in (("kB", "k"), ("MB", "M")):
        if text.endswith(unit):
            return text.removesuffix(unit) + word
    raise LabError(f"a rate such as 100MB or 800kB, not {text!r}")
