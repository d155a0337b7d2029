"""What a lab is called, where it lives and which addresses it has."""

import fcntl
import json
import os
import re
import sys
from contextlib import contextmanager
from pathlib import Path

#: The first two octets of every lab's network; a lab's slot is the third. Chosen for being rarely used.
NETWORK = "10.213"
HOSTS = ("h1", "h2", "h3")
#: The last octet of each host; .1 is the bridge, which is this machine.
HOST_NUMBERS = {"h1": 11, "h2": 12, "h3": 13}
#: Slots are few on purpose: two labs are one for a person and one for a test run.
SLOTS = range(0, 16)


class LabError(Exception):
    """What went wrong and what to do about it, for a person."""


def base_directory() -> Path:
    """Where all labs keep their state: outside the repository, because it holds root-owned host trees."""
    return Path(os.environ.get("PGADOPT_LAB_DIR", "/var/tmp/pgadopt-lab"))


class Lab:
    """One lab: three hosts on a bridge of their own."""

    def __init__(self, name: str, slot: int, variants: frozenset[str] = frozenset()):
        self.name = name
        self.slot = slot
        #: What is harder than in the plain lab; names from `variants.ALL`.
        self.variants = variants
        self.directory = base_directory() / name

    def remember(self, variants: frozenset[str]) -> None:
        self.variants = variants
        (self.directory / "lab.json").write_text(json.dumps({"slot": self.slot, "variants": sorted(variants)}) + "\n")

    # Names on this machine.
    @property
    def bridge(self) -> str:
        return f"pgalab{self.slot}"

    def machine(self, host: str) -> str:
        """nspawn's machine name; its network interface on the bridge is `vb-` and this, at most 15 letters."""
        return f"pgal{self.slot}-{host}"

    def bridge_port(self, host: str) -> str:
        return f"vb-{self.machine(host)}"

    def control_group(self, host: str) -> str:
        return f"pgadopt-lab-{self.slot}-{host}"

    # Addresses.
    @property
    def subnet(self) -> str:
        return f"{NETWORK}.{self.slot}.0/24"

    @property
    def gateway(self) -> str:
        return f"{NETWORK}.{self.slot}.1"

    def address(self, host: str) -> str:
        return f"{NETWORK}.{self.slot}.{HOST_NUMBERS[host]}"

    # Files.
    @property
    def known_hosts(self) -> Path:
        return self.directory / "known_hosts"

    @property
    def key(self) -> Path:
        return self.directory / "id_ed25519"

    @property
    def passfile(self) -> Path:
        return self.directory / "pgpass"

    @property
    def inventory(self) -> Path:
        return self.directory / "inventory.yaml"

    def host_directory(self, host: str) -> Path:
        return self.directory / host

    def root(self, host: str) -> Path:
        """The host's root file system while it is mounted."""
        return self.host_directory(host) / "root"

    def upper(self, host: str) -> Path:
        """The host's disk: all that differs from this machine's root."""
        return self.host_directory(host) / "upper"

    def hosts_with_disk(self) -> list[str]:
        return [host for host in HOSTS if self.upper(host).is_dir()]


def lab_name() -> str:
    name = os.environ.get("LAB_NAME", "default")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", name):
        raise LabError(f"LAB_NAME {name!r} must be lower-case letters, digits and '-', at most 31 characters")
    return name


def find() -> Lab | None:
    """The lab of LAB_NAME, if it was ever started and not taken down."""
    name = lab_name()
    try:
        known = json.loads((base_directory() / name / "lab.json").read_text())
        return Lab(name, known["slot"], frozenset(known.get("variants", [])))
    except (FileNotFoundError, ValueError, KeyError):
        return None


def existing() -> Lab:
    lab = find()
    if lab is None:
        raise LabError(f"lab {lab_name()!r} is not up; start it with: lab/lab up")
    return lab


def find_or_create() -> Lab:
    """The lab of LAB_NAME; a new one takes the lowest free slot."""
    lab = find()
    if lab is not None:
        return lab
    base_directory().mkdir(parents=True, exist_ok=True)
    with locked(base_directory() / "slots.lock"):
        taken = set()
        for file in base_directory().glob("*/lab.json"):
            try:
                taken.add(json.loads(file.read_text())["slot"])
            except (ValueError, KeyError):
                print(f"lab: ignoring unreadable {file}", file=sys.stderr)
        free = [s for s in SLOTS if s not in taken and not Path(f"/sys/class/net/pgalab{s}").exists()]
        if not free:
            raise LabError(f"all {len(SLOTS)} lab networks are taken; see {base_directory()}, end one with: "
                           "LAB_NAME=... lab/lab down")
        lab = Lab(lab_name(), free[0])
        lab.directory.mkdir(parents=True, exist_ok=True)
        lab.remember(frozenset())
        return lab


@contextmanager
def locked(path: Path):
    """Holds an exclusive lock on `path`; the kernel lets go of it when this process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
