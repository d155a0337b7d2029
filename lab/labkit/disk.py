"""A host's disk: an overlay whose lower directory is this machine's own root."""

import os
import shutil
import subprocess
import uuid
from pathlib import Path

from . import certificates
from .settings import HOSTS, Lab, LabError

#: Top-level directories that a host shares with this machine; the others are empty or missing there.
SHARED = {"bin", "etc", "lib", "lib32", "lib64", "libx32", "sbin", "usr", "var"}
#: Top-level directories that every host has, empty at first; what else this machine has at the top is not there.
EMPTY = {"boot", "dev", "home", "media", "mnt", "opt", "proc", "root", "run", "srv", "sys", "tmp"}
#: Directories below those that must not shine through: other people's servers, caches, labs and units.
HIDDEN = (
    "etc/postgresql", "etc/systemd/system", "etc/cron.d", "etc/sudoers.d", "etc/ssh/sshd_config.d",
    "usr/local",
    "var/cache", "var/backups", "var/crash", "var/lib/containerd", "var/lib/docker", "var/lib/etcd",
    "var/lib/machines", "var/lib/postgresql", "var/log", "var/mail", "var/spool", "var/tmp",
    "var/lib/systemd", "var/lib/private",
)
#: Files of this machine that the host must not see.
REMOVED = ("usr/sbin/policy-rc.d", "etc/fstab", "etc/resolv.conf", ".dockerenv", "etc/default/etcd",
           "etc/pgadopt", "usr/lib/pgadopt", "var/lib/pgadopt")
#: Units the host starts by itself.
ENABLED = ("systemd-networkd.service", "ssh.service", "postgresql.service", "etcd.service")
#: Units of the distribution that only cost time in a lab host.
MASKED = (
    "console-getty.service", "getty.target", "systemd-networkd-wait-online.service", "systemd-firstboot.service",
    "systemd-tmpfiles-clean.timer", "proc-sys-fs-binfmt_misc.automount", "systemd-timesyncd.service",
)


def create(lab: Lab, host: str) -> None:
    """Makes the host's disk as an operating system's installer would leave it."""
    if host in os.environ.get("PGADOPT_LAB_MEMORY", "").split():
        put_in_memory(lab, host)
    upper = lab.upper(host)
    building = upper.with_name("upper.new")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    hide_what_is_this_machines(building)
    write_identity(lab, host, building)
    write_network(lab, host, building)
    write_units(building)
    write_logins(lab, building)
    write_etcd(lab, host, building)
    building.rename(upper)


def put_in_memory(lab: Lab, host: str) -> None:
    """What this host writes then waits for no other host's disk, and no other host's for this one's."""
    place = lab.host_directory(host)
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", place], check=True)


def mount(lab: Lab, host: str) -> None:
    root, work = lab.root(host), lab.host_directory(host) / "work"
    root.mkdir(exist_ok=True)
    work.mkdir(exist_ok=True)
    options = f"lowerdir=/,upperdir={lab.upper(host)},workdir={work}"
    done = subprocess.run(
        ["mount", "-t", "overlay", f"pgadopt-{lab.machine(host)}", "-o", options, root], capture_output=True, text=True)
    if done.returncode != 0:
        raise LabError(f"{host}: cannot mount the overlay root: {done.stderr.strip()}; the lab needs a file system "
                       f"that overlayfs takes as upper directory at {lab.directory} (set PGADOPT_LAB_DIR)")


def unmount(lab: Lab, host: str) -> None:
    """Unmounts whatever is mounted at the host's root, however often."""
    unmount_all(lab.root(host))


def unmount_all(place: Path) -> None:
    for _ in range(8):
        mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        if str(place) not in mounts:
            return
        subprocess.run(["umount", "-l", place], check=False)


def hide_what_is_this_machines(upper: Path) -> None:
    for entry in sorted(Path("/").iterdir()):
        if entry.name in EMPTY:
            opaque(upper, entry.name)
        elif entry.name not in SHARED:
            whiteout(upper, entry.name)
    for path in HIDDEN:
        if Path("/", path).is_dir():
            opaque(upper, path)
    hide_the_toolchain(upper)
    for path in REMOVED:
        whiteout(upper, path)
    for key in Path("/etc/ssh").glob("ssh_host_*"):
        whiteout(upper, str(key.relative_to("/")))
    # Debian's own directories below what was just emptied.
    for path, owner, mode in (
        ("etc/postgresql", "postgres:postgres", 0o755), ("var/lib/postgresql", "postgres:postgres", 0o755),
        ("var/log/postgresql", "root:postgres", 0o1775), ("var/lib/etcd", "etcd:etcd", 0o700),
        ("tmp", "root:root", 0o1777), ("var/tmp", "root:root", 0o1777), ("root", "root:root", 0o700),
        ("var/log/journal", "root:systemd-journal", 0o2755), ("var/spool/cron", "root:root", 0o755),
    ):
        directory(upper, path, owner, mode)


def hide_the_toolchain(upper: Path) -> None:
    """What the tool sends to a host must run there without Swift, so the host must have none."""
    swift = shutil.which("swift")
    if swift is None:
        return
    home = Path(swift).resolve()
    # A toolchain is unpacked as SOMEWHERE/usr/bin/swift; its top-level directory may be hidden already.
    prefix = home.parents[2] if home.parent.name == "bin" and home.parent.parent.name == "usr" else None
    if prefix and prefix != Path("/") and prefix.parts[1] in SHARED:
        opaque(upper, str(prefix.relative_to("/")))
    elif prefix == Path("/"):
        for path in ("usr/lib/swift", "usr/lib/swift_static", "usr/libexec/swift"):
            if Path("/", path).exists():
                opaque(upper, path)


def write_identity(lab: Lab, host: str, upper: Path) -> None:
    write(upper, "etc/hostname", host + "\n")
    write(upper, "etc/machine-id", uuid.uuid4().hex + "\n")
    names = "".join(f"{lab.address(name)} {name}\n" for name in HOSTS)
    write(upper, "etc/hosts", f"127.0.0.1 localhost\n::1 localhost\n{lab.gateway} control\n{names}")


def write_network(lab: Lab, host: str, upper: Path) -> None:
    opaque(upper, "etc/systemd/network")
    write(upper, "etc/systemd/network/10-host0.network",
          f"[Match]\nName=host0\n\n[Network]\nAddress={lab.address(host)}/24\nLinkLocalAddressing=no\n"
          "IPv6AcceptRA=no\nLLDP=no\nEmitLLDP=no\nConfigureWithoutCarrier=yes\nIgnoreCarrierLoss=yes\n")


def write_units(upper: Path) -> None:
    for unit in ENABLED:
        symlink(upper, f"etc/systemd/system/multi-user.target.wants/{unit}", f"/lib/systemd/system/{unit}")
    symlink(upper, "etc/systemd/system/sshd.service", "/lib/systemd/system/ssh.service")
    for unit in MASKED:
        symlink(upper, f"etc/systemd/system/{unit}", "/dev/null")
    # etcd waits for its peers at boot; the address must be there first.
    write(upper, "etc/systemd/system/etcd.service.d/lab.conf",
          "[Unit]\nAfter=systemd-networkd.service\nStartLimitIntervalSec=0\n"
          "[Service]\nRestart=always\nRestartSec=1s\n")
    # Small and on the disk, so that a host's log outlives its power failure.
    write(upper, "etc/systemd/journald.conf.d/lab.conf", "[Journal]\nStorage=persistent\nSystemMaxUse=64M\n")


def write_logins(lab: Lab, upper: Path) -> None:
    for kind in ("ed25519", "ecdsa"):
        path = upper / f"etc/ssh/ssh_host_{kind}_key"
        for file in (path, path.with_name(path.name + ".pub")):
            file.unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "lab", "-f", path], check=True)
    public = lab.key.with_suffix(".pub").read_text()
    write(upper, "root/.ssh/authorized_keys", public, mode=0o600)
    (upper / "root/.ssh").chmod(0o700)
    # The unprivileged administrator. Its entry is appended to copies of this machine's own files.
    append(upper, "etc/passwd", "dba:x:4242:4242:Database administrator:/home/dba:/bin/bash\n")
    append(upper, "etc/group", "dba:x:4242:\n")
    append(upper, "etc/shadow", "dba:*:19000:0:99999:7:::\n", mode=0o640, group="shadow")
    write(upper, "etc/sudoers.d/dba", "dba ALL=(ALL:ALL) NOPASSWD: ALL\n", mode=0o440)
    write(upper, "home/dba/.ssh/authorized_keys", public, mode=0o600)
    for path in ("home/dba", "home/dba/.ssh", "home/dba/.ssh/authorized_keys"):
        os.chown(upper / path, 4242, 4242)
    (upper / "home/dba/.ssh").chmod(0o700)


def write_etcd(lab: Lab, host: str, upper: Path) -> None:
    """Debian's etcd.service reads this file. Three members, one a host, in a directory of its own. The health of a
    member is asked at a port of its own, which needs no certificate."""
    me = lab.address(host)
    scheme = "https" if "store-tls" in lab.variants else "http"
    cluster = ",".join(f"{name}=http://{lab.address(name)}:2380" for name in HOSTS)
    settings = {
        "ETCD_NAME": host, "ETCD_DATA_DIR": "/var/lib/etcd/lab", "ETCD_LISTEN_PEER_URLS": f"http://{me}:2380",
        "ETCD_LISTEN_CLIENT_URLS": f"{scheme}://{me}:2379,{scheme}://127.0.0.1:2379",
        "ETCD_LISTEN_METRICS_URLS": f"http://{me}:2381",
        "ETCD_ADVERTISE_CLIENT_URLS": f"{scheme}://{me}:2379", "ETCD_INITIAL_ADVERTISE_PEER_URLS": f"http://{me}:2380",
        "ETCD_INITIAL_CLUSTER": cluster, "ETCD_INITIAL_CLUSTER_STATE": "new",
        "ETCD_INITIAL_CLUSTER_TOKEN": f"pgadopt-lab-{lab.name}", "ETCD_LOG_LEVEL": "warn",
    }
    if scheme == "https":
        settings |= certificates.install(lab, host, upper)
    write(upper, "etc/default/etcd", "".join(f'{key}="{value}"\n' for key, value in settings.items()))


# The overlay's own vocabulary.

def opaque(upper: Path, path: str) -> None:
    """An empty directory where this machine has a full one, with the same owner and mode."""
    target, lower = upper / path, Path("/", path)
    copy_parents(upper, path)
    target.mkdir(exist_ok=True)
    if lower.exists():
        status = lower.stat()
        os.chown(target, status.st_uid, status.st_gid)
        target.chmod(status.st_mode & 0o7777)
    os.setxattr(target, "trusted.overlay.opaque", b"y")


def whiteout(upper: Path, path: str) -> None:
    """No such file, although this machine has one."""
    if os.path.lexists(Path("/", path)) and not os.path.lexists(upper / path):
        copy_parents(upper, path)
        os.mknod(upper / path, 0o020000, os.makedev(0, 0))


def copy_parents(upper: Path, path: str) -> None:
    """The directories above `path`, with this machine's owners and modes, as the overlay would copy them up."""
    parents = list(Path(path).parents)[:-1]
    for parent in reversed(parents):
        if not (upper / parent).exists():
            (upper / parent).mkdir()
            lower = Path("/", parent)
            if lower.exists():
                status = lower.stat()
                os.chown(upper / parent, status.st_uid, status.st_gid)
                (upper / parent).chmod(status.st_mode & 0o7777)


def directory(upper: Path, path: str, owner: str, mode: int) -> None:
    copy_parents(upper, path)
    (upper / path).mkdir(exist_ok=True)
    user, group = owner.split(":")
    shutil.chown(upper / path, user, group)
    (upper / path).chmod(mode)


def write(upper: Path, path: str, text: str, mode: int = 0o644) -> None:
    copy_parents(upper, path)
    target = upper / path
    if target.is_symlink() or target.is_char_device():
        target.unlink()
    target.write_text(text)
    target.chmod(mode)


def append(upper: Path, path: str, text: str, mode: int = 0o644, group: str = "root") -> None:
    write(upper, path, Path("/", path).read_text() + text, mode)
    shutil.chown(upper / path, "root", group)


def symlink(upper: Path, path: str, target: str) -> None:
    copy_parents(upper, path)
    (upper / path).symlink_to(target)
