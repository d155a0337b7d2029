"""Limits that make hosts on one machine more like machines of their own."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

from labkit import machine
from labkit.settings import HOSTS, Lab, LabError

#: Of this machine, or what this program was given of them.
PROCESSORS = sorted(os.sched_getaffinity(0))


def limit_link(lab: Lab, rate: str) -> None:
    """Every host's cable as fast as that, in both directions; `rate` as tc says it, such as 1gbit. What a host sends is
    queued in front of its cable nearly as Debian's kernel queues it (`net.core.default_qdisc`: fq_codel), which this
    machine's kernel may not have: what goes to clients does not wait for what goes to other hosts. What comes from the
    other side waits in one line, as in a switch."""
    # A bucket too small for a timer tick would never reach the rate.
    burst = ["burst", "256k", "cburst", "256k"]
    leaf = ["parent", "1:1", "htb", "rate", "1mbit", "ceil", rate, *burst, "quantum", "3028"]
    fair = [
        ["qdisc", "replace", "dev", "host0", "root", "handle", "1:", "htb", "default", "30"],
        ["class", "replace", "dev", "host0", "parent", "1:", "classid", "1:1", "htb", "rate", rate, "ceil", rate, *burst],
        ["class", "replace", "dev", "host0", *leaf[:2], "classid", "1:20", *leaf[2:]],
        ["class", "replace", "dev", "host0", *leaf[:2], "classid", "1:30", *leaf[2:]],
        ["filter", "replace", "dev", "host0", "parent", "1:", "protocol", "ip", "prio", "1", "u32",
         "match", "ip", "dst", f"{lab.gateway}/32", "flowid", "1:20"],
    ]
    line = ["qdisc", "replace", "dev", "root", "tbf", "rate", rate, "burst", "1mb", "latency", "50ms"]
    for host in HOSTS:
        outside = [*line[:3], lab.bridge_port(host), *line[3:]]
        for command in [machine.command_in(lab, host, ["tc", *words]) for words in fair] + [["tc", *outside]]:
            done = subprocess.run(command, capture_output=True, text=True, timeout=30)
            if done.returncode != 0:
                raise LabError(f"tc cannot limit the link of {host}: {done.stderr.strip()}")


def share_processors(lab: Lab, cores: int) -> None:
    """The primary's host gets so many of the processors, and all others what is left: the other hosts, the clients, and
    the programs that this one starts. A bound of time would be none for a low priority: what an idle moment gave away
    would be missing afterwards."""
    own, rest = set(PROCESSORS[:cores]), set(PROCESSORS[cores:])
    if not own or not rest:
        raise LabError(f"of {len(PROCESSORS)} processors the primary can have 1 to {len(PROCESSORS) - 1}")
    os.sched_setaffinity(0, rest)
    # What a process starts keeps to its processors. Twice, for what was being started just now.
    for host in HOSTS * 2:
        for process in machine.processes(lab, host):
            for thread in Path(f"/proc/{process}/task").glob("*"):
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(int(thread.name), own if host == "h1" else rest)
