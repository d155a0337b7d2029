"""Limits that make hosts on one machine more like machines of their own."""

import subprocess
from pathlib import Path

from labkit import machine
from labkit.settings import HOSTS, Lab, LabError

PERIOD_MICROSECONDS = 10_000


def limit_link(lab: Lab, rate: str) -> None:
    """Every host's cable as fast as that, in both directions; `rate` as tc says it, such as 1gbit."""
    # A bucket too small for a timer tick would never reach the rate.
    shape = ["root", "tbf", "rate", rate, "burst", "1mb", "latency", "50ms"]
    for host in HOSTS:
        for command in (machine.command_in(lab, host, ["tc", "qdisc", "replace", "dev", "host0", *shape]),
                        ["tc", "qdisc", "replace", "dev", lab.bridge_port(host), *shape]):
            done = subprocess.run(command, capture_output=True, text=True, timeout=30)
            if done.returncode != 0:
                raise LabError(f"tc cannot limit the link of {host}: {done.stderr.strip()}")


def limit_processor(lab: Lab, host: str, cores: float) -> None:
    """The host's processes, all together, get that much processor time. In short periods, so that a busy host is slow
    rather than stopped for a time that clients would see."""
    quota = int(cores * PERIOD_MICROSECONDS)
    version_1 = machine.CGROUPS / "cpu"
    try:
        if version_1.is_dir():
            group = version_1 / lab.control_group(host)
            group.mkdir(exist_ok=True)
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_MICROSECONDS))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
            for process in machine.processes(lab, host):
                move(process, group)
        else:
            (machine.group_directory(lab, host) / "cpu.max").write_text(f"{quota} {PERIOD_MICROSECONDS}")
    except OSError as error:
        raise LabError(f"this kernel does not limit the processor time of {host}: {error}") from None


def move(process: int, group: Path) -> None:
    try:
        (group / "cgroup.procs").write_text(str(process))
    except ProcessLookupError:
        pass


def forget_processor(lab: Lab) -> None:
    """After the hosts are gone: version 1 keeps the groups."""
    for host in HOSTS:
        group = machine.CGROUPS / "cpu" / lab.control_group(host)
        if group.is_dir():
            group.rmdir()
