"""What runs in the hosts: etcd on all, an old PostgreSQL on h1. And the wait until it answers."""

import secrets
import socket
import time
import urllib.request

from . import machine
from .settings import HOSTS, Lab, LabError

APP_DATABASE = "bench"
APP_USER = "app"
#: About 160 MB at 10; enough for a base backup to be seen moving, little enough for a quick start.
PGBENCH_SCALE = 10


def await_ready(lab: Lab, host: str, seconds: float = 60) -> None:
    """Until the host answers SSH, and PostgreSQL where it has a cluster that starts by itself."""
    deadline = time.monotonic() + seconds
    await_port(lab, host, 22, deadline, "sshd", greeting=b"SSH-")


def await_port(lab: Lab, host: str, port: int, deadline: float, what: str, greeting: bytes = b"") -> None:
    last = ""
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((lab.address(host), port), timeout=1) as connection:
                if not greeting or connection.recv(64).startswith(greeting):
                    return
        except OSError as error:
            last = str(error)
        if machine.init_pid(lab, host) is None:
            raise LabError(f"{host} went off while it started; see {lab.host_directory(host)}/console.log")
        time.sleep(0.1)
    raise LabError(f"{host}: {what} does not answer at {lab.address(host)}:{port}: {last}")


def await_etcd(lab: Lab, hosts: list[str], seconds: float = 60) -> None:
    """Until every member of `hosts` answers that it is healthy: there is a leader and a quorum."""
    deadline = time.monotonic() + seconds
    for host in hosts:
        last = ""
        while True:
            try:
                with urllib.request.urlopen(f"http://{lab.address(host)}:2379/health", timeout=1) as reply:
                    if b'"true"' in reply.read():
                        break
            except OSError as error:
                last = str(error)
            if time.monotonic() > deadline:
                raise LabError(f"{host}: etcd is not healthy: {last}")
            time.sleep(0.1)


def create_legacy_cluster(lab: Lab) -> None:
    """An ordinary old server, as Debian makes it and as nobody prepared for high availability."""
    password = secrets.token_hex(12)
    lab.passfile.write_text(f"*:*:*:{APP_USER}:{password}\n")
    lab.passfile.chmod(0o600)
    # The SQL goes in on stdin: no password in an argument list.
    script = f"""
export LC_ALL=C.UTF-8
if pg_lsclusters -h | grep -q '^15 *main '; then pg_dropcluster --stop 15 main; fi
pg_createcluster 15 main --port 5432 --locale C.UTF-8 -- --data-checksums >/dev/null
conf=/etc/postgresql/15/main
mkdir -p $conf/conf.d
cat > $conf/conf.d/site.conf <<'END'
# Set up by the previous administrator.
listen_addresses = '*'
shared_buffers = 256MB
max_connections = 120
log_min_duration_statement = 1000
END
cat >> $conf/pg_hba.conf <<'END'

# Application servers
host    {APP_DATABASE}           {APP_USER}             {lab.subnet}           scram-sha-256
END
systemctl daemon-reload
systemctl start postgresql@15-main.service
runuser -u postgres -- psql -qAtX <<'END'
create role {APP_USER} login password '{password}';
create database {APP_DATABASE} owner {APP_USER};
END
PGOPTIONS='-c role={APP_USER}' runuser -u postgres -- pgbench -i -q -s {PGBENCH_SCALE} {APP_DATABASE} 2>&1 | tail -1
"""
    machine.shell_in(lab, "h1", script)


def has_legacy_cluster(lab: Lab) -> bool:
    return (lab.directory / "legacy-ready").exists()


def install(lab: Lab, hosts: list[str]) -> None:
    """Once a lab: after the first boot."""
    if "h1" in hosts and not has_legacy_cluster(lab):
        create_legacy_cluster(lab)
        (lab.directory / "legacy-ready").touch()


def connection_string(lab: Lab, hosts: list[str] | None = None) -> str:
    """For the application: all hosts, whichever is writable, and no waiting for a host that is silent."""
    names = hosts or list(HOSTS)
    addresses = ",".join(lab.address(host) for host in names)
    return (f"host={addresses} port={','.join('5432' for _ in names)} dbname={APP_DATABASE} user={APP_USER} "
            f"passfile={lab.passfile} target_session_attrs=read-write connect_timeout=2 tcp_user_timeout=2000")
