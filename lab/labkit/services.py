"""What runs in the hosts: etcd on all, an old PostgreSQL on h1. And the wait until it answers."""

import secrets
import socket
import subprocess
import time
import urllib.request

from . import certificates, machine, variants
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
                with urllib.request.urlopen(f"http://{lab.address(host)}:2381/health", timeout=1) as reply:
                    if b'"true"' in reply.read():
                        break
            except OSError as error:
                last = str(error)
            if time.monotonic() > deadline:
                raise LabError(f"{host}: etcd is not healthy: {last}")
            time.sleep(0.1)


def protect_etcd(lab: Lab) -> None:
    """Users and roles, once, where the lab's store asks for them."""
    if "store-tls" not in lab.variants or (lab.directory / "store-protected").exists():
        return
    password = secrets.token_hex(12)
    certificates.password_file(lab).write_text(password + "\n")
    certificates.password_file(lab).chmod(0o600)
    # One shell per etcdctl call would be slow; the password goes in on stdin.
    machine.shell_in(lab, "h1", f"""
export ETCDCTL_API=3 ETCDCTL_ENDPOINTS=https://{lab.address("h1")}:2379 {certificates.etcdctl_environment()}
etcdctl user add root --interactive=false <<'END' >/dev/null
{secrets.token_hex(12)}
END
etcdctl user grant-role root root >/dev/null
etcdctl role add pgadopt >/dev/null
etcdctl role grant-permission --prefix=true pgadopt readwrite /service/ >/dev/null
etcdctl user add pgadopt --interactive=false <<'END' >/dev/null
{password}
END
etcdctl user grant-role pgadopt pgadopt >/dev/null
etcdctl auth enable >/dev/null
""")
    (lab.directory / "store-protected").touch()


def create_legacy_cluster(lab: Lab) -> None:
    """An ordinary old server, as Debian makes it and as nobody prepared for high availability."""
    password = secrets.token_hex(12)
    lab.passfile.write_text(f"*:*:*:{APP_USER}:{password}\n")
    lab.passfile.chmod(0o600)
    # The SQL goes in on stdin: no password in an argument list.
    script = f"""
export LC_ALL=C.UTF-8
if pg_lsclusters -h | grep -q '^15 *main '; then pg_dropcluster --stop 15 main; fi
{variants.before_creation(lab)}
pg_createcluster 15 main --port 5432 --locale C.UTF-8 -- {variants.initdb_options(lab)} >/dev/null
conf=/etc/postgresql/15/main
mkdir -p $conf/conf.d
cat > $conf/conf.d/site.conf <<'END'
# Set up by the previous administrator.
shared_buffers = 256MB
log_min_duration_statement = 1000
{variants.settings(lab)}
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
{variants.after_creation(lab)}
"""
    machine.shell_in(lab, "h1", script)


def create_standby(lab: Lab) -> None:
    """A streaming standby on h2 as an administrator would have built it, with a slot and a service of its own."""
    machine.shell_in(lab, "h2", f"""
export LC_ALL=C.UTF-8
pg_createcluster 15 main --port 5432 --locale C.UTF-8 >/dev/null
rm -rf /var/lib/postgresql/15/main
export PGPASSWORD=old-secret
runuser -u postgres --preserve-environment -- pg_basebackup -h {lab.address("h1")} -U old_replicator \\
  -D /var/lib/postgresql/15/main -R -X stream -C -S h2_old --checkpoint=fast
cat > /etc/postgresql/15/main/conf.d/site.conf <<'END'
listen_addresses = '*'
max_connections = 120
shared_buffers = 256MB
END
systemctl daemon-reload
systemctl start postgresql@15-main.service
""")


def create_backup(lab: Lab) -> None:
    """A pgBackRest repository on h1 with one full backup, and a way to it for the postgres users of the other hosts."""
    key = lab.directory / "backup-key"
    key.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True, timeout=30)
    home = "/var/lib/postgresql"
    for host in HOSTS:
        repository = f"""repo1-path={home}/backups
start-fast=y""" if host == "h1" else f"repo1-host={lab.address('h1')}\nrepo1-host-user=postgres"
        machine.shell_in(lab, host, f"""
install -d -o postgres -g postgres -m 700 {home}/.ssh
cat > {home}/.ssh/id_ed25519 <<'END'
{key.read_text()}END
cat > {home}/.ssh/authorized_keys <<'END'
{key.with_suffix(".pub").read_text()}END
echo 'StrictHostKeyChecking accept-new' > {home}/.ssh/config
chown postgres:postgres {home}/.ssh/*
chmod 600 {home}/.ssh/*
cat > /etc/pgbackrest.conf <<'END'
[global]
{repository}
[main]
pg1-path={home}/15/main
END
chown postgres:postgres /etc/pgbackrest.conf
chmod 640 /etc/pgbackrest.conf
""")
    machine.shell_in(lab, "h1", """
cd /
runuser -u postgres -- pgbackrest --stanza=main stanza-create
runuser -u postgres -- pgbackrest --stanza=main --type=full backup
""")


def has_legacy_cluster(lab: Lab) -> bool:
    return (lab.directory / "legacy-ready").exists()


def install(lab: Lab, hosts: list[str]) -> None:
    """Once a lab: after the first boot."""
    if "h1" in hosts and not has_legacy_cluster(lab):
        create_legacy_cluster(lab)
        (lab.directory / "legacy-ready").touch()
    if "standby" in lab.variants and "h2" in hosts and not (lab.directory / "standby-ready").exists():
        create_standby(lab)
        (lab.directory / "standby-ready").touch()
    if "backup" in lab.variants and hosts == list(HOSTS) and not (lab.directory / "backup-ready").exists():
        create_backup(lab)
        (lab.directory / "backup-ready").touch()


def connection_string(lab: Lab, hosts: list[str] | None = None) -> str:
    """For the application: all hosts, whichever is writable, and no waiting for a host that is silent."""
    names = hosts or list(HOSTS)
    addresses = ",".join(lab.address(host) for host in names)
    return (f"host={addresses} port={','.join('5432' for _ in names)} dbname={APP_DATABASE} user={APP_USER} "
            f"passfile={lab.passfile} target_session_attrs=read-write connect_timeout=2 tcp_user_timeout=2000")
