"""The same lab under Patroni, for comparison: h1's legacy server converted by script, h2 and h3 cloned from it."""

import json
import secrets
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import machine, settings
from .cluster import await_members, is_whole
from .settings import HOSTS, Lab, LabError

VERSION = "4.1.5"
#: Where it is in a host.
HOME = "/opt/patroni"
DATA = "/var/lib/postgresql/15/main"
#: ttl, loop_wait, retry_timeout in seconds: Patroni's defaults, and the least that it accepts.
TIMERS = {"default": (30, 10, 10), "fast": (20, 5, 5)}


def packages() -> Path:
    """Patroni and what it needs, from PyPI, fetched once a machine."""
    place = settings.base_directory() / f"patroni-{VERSION}"
    if place.is_dir():
        return place
    building = place.with_name(place.name + ".new")
    shutil.rmtree(building, ignore_errors=True)
    done = subprocess.run(
        ["python3", "-m", "pip", "install", "-q", "--no-warn-script-location", "--disable-pip-version-check",
         "--root-user-action=ignore", "--target", building, f"patroni[etcd3]=={VERSION}"],
        capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise LabError(f"pip could not fetch Patroni {VERSION}: {done.stderr.strip()}")
    building.rename(place)
    return place


def convert(lab: Lab, timers: str, patience: float = 600, is_done=is_whole) -> float:
    """Converts the lab; returns the seconds from the first command until both replicas stream: until `is_done` says so
    of the members, which must be within `patience` seconds."""
    source, passwords = packages(), {name: secrets.token_hex(8) for name in ("superuser", "replication", "rewind")}
    for host in HOSTS:
        shutil.copytree(source, lab.root(host) / HOME.lstrip("/"), dirs_exist_ok=True)
        directory = lab.root(host) / "etc/patroni"
        directory.mkdir(exist_ok=True)
        (directory / "patroni.yml").write_text(json.dumps(configuration(lab, host, timers, passwords), indent=2))
        (lab.root(host) / "etc/systemd/system/patroni.service").write_text(UNIT)
        machine.shell_in(lab, host, "chown -R postgres:postgres /etc/patroni; chmod 600 /etc/patroni/patroni.yml")
    began = time.monotonic()
    roles = f"""
create role patroni_superuser login superuser password '{passwords["superuser"]}';
create role replicator login replication password '{passwords["replication"]}';
create role rewinder login superuser password '{passwords["rewind"]}';
"""
    machine.shell_in(lab, "h1", f"""
runuser -u postgres -- psql -qAtX <<'END'
{roles}
END
systemctl disable -q --now postgresql.service postgresql@15-main.service
systemctl mask -q postgresql@15-main.service
cd /etc/postgresql/15/main
grep -Ev '^(data_directory|hba_file|ident_file|external_pid_file|include_dir)' postgresql.conf > {DATA}/postgresql.conf
cat conf.d/*.conf >> {DATA}/postgresql.conf
cp pg_hba.conf pg_ident.conf {DATA}/
chown postgres:postgres {DATA}/*.conf
systemctl daemon-reload
systemctl enable -q --now patroni
""")
    await_members(lab, lambda members: any(m["role"] == "leader" for m in members), 60, "Patroni to lead on h1")
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda host: machine.shell_in(lab, host, f"""
systemctl disable -q --now postgresql.service
install -d -o postgres -g postgres /var/lib/postgresql/15
systemctl daemon-reload
systemctl enable -q --now patroni
"""), ["h2", "h3"]))
    await_members(lab, is_done, patience, "both replicas to stream")
    return time.monotonic() - began


def configuration(lab: Lab, host: str, timers: str, passwords: dict) -> dict:
    ttl, loop_wait, retry_timeout = TIMERS[timers]
    me = lab.address(host)
    return {
        "scope": "main", "namespace": "/service/", "name": host,
        "restapi": {"listen": f"{me}:8008", "connect_address": f"{me}:8008"},
        "etcd3": {"hosts": [f"{lab.address(name)}:2379" for name in HOSTS]},
        "bootstrap": {"dcs": {
            "ttl": ttl, "loop_wait": loop_wait, "retry_timeout": retry_timeout, "maximum_lag_on_failover": 1048576,
            "postgresql": {"use_pg_rewind": True, "use_slots": True,
                           "parameters": {"max_connections": 120, "shared_buffers": "256MB"}}}},
        "postgresql": {
            "listen": "0.0.0.0:5432", "connect_address": f"{me}:5432", "data_dir": DATA,
            "bin_dir": "/usr/lib/postgresql/15/bin", "pgpass": "/tmp/patroni-pgpass",
            "basebackup": [{"checkpoint": "fast"}],
            "parameters": {"unix_socket_directories": "/var/run/postgresql"},
            "authentication": {
                "superuser": {"username": "patroni_superuser", "password": passwords["superuser"]},
                "replication": {"username": "replicator", "password": passwords["replication"]},
                "rewind": {"username": "rewinder", "password": passwords["rewind"]}},
            "pg_hba": [
                "local all all peer", f"host all all {lab.subnet} scram-sha-256", "host all all 127.0.0.1/32 scram-sha-256",
                f"host replication replicator {lab.subnet} scram-sha-256",
                "host replication replicator 127.0.0.1/32 scram-sha-256"]},
    }


UNIT = f"""[Unit]
Description=Patroni
After=network.target
[Service]
User=postgres
Environment=PYTHONPATH={HOME}
ExecStart=/usr/bin/python3 -m patroni /etc/patroni/patroni.yml
KillMode=process
TimeoutSec=30
Restart=on-failure
[Install]
WantedBy=multi-user.target
"""
