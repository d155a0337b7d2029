"""Boots, kills, cuts off and freezes one host."""

import os
import signal
import subprocess
import time
from pathlib import Path

from . import disk
from .settings import HOSTS, Lab, LabError

CGROUPS = Path("/sys/fs/cgroup")
ENVIRONMENT = ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
               "LANG=C.UTF-8", f"TERM={os.environ.get('TERM', 'dumb')}"]


# The host's control groups. Each host needs its own: the systemd in it manages the group it was started in, and two
# that share one see, and stop, each other's services. They also freeze a host, and name every process of it.

def groups(lab: Lab, host: str) -> list[Path]:
    version_1 = [CGROUPS / "freezer", CGROUPS / "systemd", CGROUPS / "unified"]
    mounted = [path for path in version_1 if path.is_dir()] or [CGROUPS]
    return [path / lab.control_group(host) for path in mounted]


def group_directory(lab: Lab, host: str) -> Path:
    """The one that freezes."""
    return groups(lab, host)[0]


def processes(lab: Lab, host: str) -> list[int]:
    pids: list[int] = []
    for file in group_directory(lab, host).glob("**/cgroup.procs"):
        try:
            pids += [int(line) for line in file.read_text().split()]
        except OSError:
            continue
    return pids


def init_pid(lab: Lab, host: str) -> int | None:
    """This machine's pid of the host's PID 1; None when the host is off."""
    for pid in processes(lab, host):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        numbers = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
        if len(numbers) > 1 and numbers[-1] == "1":
            return pid
    return None


def running_init(lab: Lab, host: str) -> int:
    pid = init_pid(lab, host)
    if pid is None:
        raise LabError(f"{host} is off; boot it with: lab/lab boot {host}")
    return pid


def set_frozen(lab: Lab, host: str, frozen: bool) -> None:
    group = group_directory(lab, host)
    if not group.is_dir():
        return
    if (group / "freezer.state").exists():
        (group / "freezer.state").write_text("FROZEN" if frozen else "THAWED")
        reached = lambda: (group / "freezer.state").read_text().strip() == ("FROZEN" if frozen else "THAWED")
    elif (group / "cgroup.freeze").exists():
        (group / "cgroup.freeze").write_text("1" if frozen else "0")
        reached = lambda: f"frozen {int(frozen)}" in (group / "cgroup.events").read_text()
    else:
        raise LabError("this kernel has no cgroup freezer")
    wait_until(reached, 5, f"{host} to be {'frozen' if frozen else 'thawed'}")


def is_frozen(lab: Lab, host: str) -> bool:
    group = group_directory(lab, host)
    for name, word in (("freezer.state", "FROZEN"), ("cgroup.events", "frozen 1")):
        if (group / name).exists():
            return word in (group / name).read_text()
    return False


# Power.

def boot(lab: Lab, host: str) -> None:
    """Switches the host on, with the disk it has. Returns at once; `services.await_ready` waits."""
    if init_pid(lab, host) is not None:
        return
    clean_up(lab, host)
    disk.mount(lab, host)
    own_groups = groups(lab, host)
    for group in own_groups:
        group.mkdir(exist_ok=True)
    command = [
        "systemd-nspawn", "-q", "-D", str(lab.root(host)), "-M", lab.machine(host), f"--hostname={host}", "--boot",
        "--register=no", "--keep-unit", f"--network-bridge={lab.bridge}", "--console=pipe", "--capability=all",
        "--drop-capability=CAP_SYS_MODULE,CAP_SYS_TIME", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
        "systemd.unified_cgroup_hierarchy=0" if (CGROUPS / "freezer").is_dir() else "--log-target=journal",
    ]
    # $0 groups come first, then the command.
    enter = 'for n in $(seq "$0"); do echo $$ > "$1/cgroup.procs" || exit; shift; done; exec "$@"'
    with open(lab.host_directory(host) / "console.log", "ab") as console:
        subprocess.Popen(["sh", "-c", enter, str(len(own_groups)), *map(str, own_groups), *command], stdin=subprocess.DEVNULL, stdout=console,
                         stderr=subprocess.STDOUT, start_new_session=True, cwd="/")
    try:
        wait_until(lambda: init_pid(lab, host) is not None, 10, f"{host} to start")
    except LabError as error:
        tail = (lab.host_directory(host) / "console.log").read_text(errors="replace")[-600:]
        raise LabError(f"{error}; its console says: {tail}") from None


def power_off(lab: Lab, host: str) -> None:
    """A power failure: nothing in the host gets to say goodbye, its peers hear nothing, the disk stays as it is."""
    port = Path("/sys/class/net") / lab.bridge_port(host)
    if port.exists():
        # First the wire: the kernel would otherwise send a FIN or RST for each socket of the dying processes.
        run("ip", "link", "set", lab.bridge_port(host), "down")
    clean_up(lab, host)


def clean_up(lab: Lab, host: str) -> None:
    """Ends every process of the host, however it was left behind, and unmounts its disk."""
    pid = init_pid(lab, host)
    if pid is not None:
        signal_quietly(pid)
    set_frozen(lab, host, False)
    deadline = time.monotonic() + 10
    while remaining := processes(lab, host):
        for process in remaining:
            signal_quietly(process)
        if time.monotonic() > deadline:
            raise LabError(f"{host}: processes {remaining} do not die")
        time.sleep(0.02)
    disk.unmount(lab, host)
    for group in groups(lab, host):
        remove_groups(group)
    if (Path("/sys/class/net") / lab.bridge_port(host)).exists():
        run("ip", "link", "delete", lab.bridge_port(host), check=False)


def remove_groups(group: Path) -> None:
    if not group.is_dir():
        return
    for inner in sorted((path for path in group.glob("**/") if path.is_dir()), reverse=True):
        deadline = time.monotonic() + 2
        while inner.exists() and time.monotonic() < deadline:
            try:
                inner.rmdir()
            except OSError:
                time.sleep(0.02)


def signal_quietly(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


# Network.

def create_bridge(lab: Lab) -> None:
    if not Path("/sys/class/net", lab.bridge).exists():
        run("ip", "link", "add", lab.bridge, "type", "bridge", "forward_delay", "0")
    run("ip", "address", "replace", f"{lab.gateway}/24", "dev", lab.bridge)
    run("ip", "link", "set", lab.bridge, "up")


def remove_bridge(lab: Lab) -> None:
    if Path("/sys/class/net", lab.bridge).exists():
        run("ip", "link", "delete", lab.bridge)


def set_cut(lab: Lab, host: str, cut: bool) -> None:
    """Takes the host's cable out of the switch, but not out of the host: no packet gets through in either
    direction, the carrier stays up, and nobody is told."""
    running_init(lab, host)
    if cut:
        run("ip", "link", "set", "dev", lab.bridge_port(host), "nomaster")
    else:
        run("ip", "link", "set", "dev", lab.bridge_port(host), "master", lab.bridge, "up")


def is_cut(lab: Lab, host: str) -> bool:
    port = Path("/sys/class/net", lab.bridge_port(host))
    return port.exists() and not (port / "master").exists()


# Commands in a host.

def command_in(lab: Lab, host: str, command: list[str]) -> list[str]:
    """An argv that runs `command` in the host as root, without SSH."""
    return ["nsenter", "-t", str(running_init(lab, host)), "-a", "--", *ENVIRONMENT, *command]


def shell_in(lab: Lab, host: str, script: str) -> str:
    """Runs a POSIX shell script in the host as root and returns what it prints."""
    try:
        done = subprocess.run(command_in(lab, host, ["sh", "-eu"]), input=script, capture_output=True, text=True,
                              timeout=120)
    except subprocess.TimeoutExpired:
        raise LabError(f"{host}: setting it up took more than 120 s; see: lab/lab exec {host} journalctl") from None
    if done.returncode != 0:
        raise LabError(f"{host}: {done.stderr.strip() or done.stdout.strip()} (exit {done.returncode})")
    return done.stdout


def ssh_command(lab: Lab, host: str, user: str = "root") -> list[str]:
    return ["ssh", "-F", "none", "-i", str(lab.key), "-o", "IdentitiesOnly=yes",
            "-o", f"UserKnownHostsFile={lab.known_hosts}", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=5", "-o", "LogLevel=ERROR",
            f"{user}@{lab.address(host)}"]


# Small helpers.

def run(*command: str, check: bool = True) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(command)}: {done.stderr.strip()}")


def wait_until(condition, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"waited {seconds:g} s for {what}")
        time.sleep(0.02)


def all_known(hosts: list[str]) -> list[str]:
    unknown = [host for host in hosts if host not in HOSTS]
    if unknown:
        raise LabError(f"no such host: {', '.join(unknown)}; the lab has {', '.join(HOSTS)}")
    return hosts or list(HOSTS)
