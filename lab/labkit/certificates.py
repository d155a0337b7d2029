"""An authority of the lab's own, for an etcd that asks for certificates."""

import shutil
import subprocess
from pathlib import Path

from .settings import HOSTS, Lab, LabError

#: Where a host keeps them.
PLACE = "etc/etcd-tls"


def directory(lab: Lab) -> Path:
    return lab.directory / "tls"


def password_file(lab: Lab) -> Path:
    return directory(lab) / "etcd.password"


def make(lab: Lab) -> None:
    """The authority, a server's certificate for each host and one for clients; nothing when they are there."""
    place = directory(lab)
    if (place / "client.pem").exists():
        return
    place.mkdir(parents=True, exist_ok=True)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-days", "30", "-subj", "/CN=lab authority", "-keyout", place / "ca.key",
            "-out", place / "ca.pem", "-addext", "basicConstraints=critical,CA:TRUE")
    names = {host: f"IP:{lab.address(host)},IP:127.0.0.1,DNS:{host}" for host in HOSTS} | {"client": "DNS:client"}
    for name, alternatives in names.items():
        (place / f"{name}.ext").write_text(f"subjectAltName={alternatives}\nextendedKeyUsage=serverAuth,clientAuth\n")
        # No common name: etcd takes that of a client for its user, and a password is to be needed.
        openssl("req", *key, "-subj", "/O=lab", "-keyout", place / f"{name}.key", "-out", place / f"{name}.csr")
        openssl("x509", "-req", "-in", place / f"{name}.csr", "-CA", place / "ca.pem", "-CAkey", place / "ca.key",
                "-CAcreateserial", "-days", "30", "-extfile", place / f"{name}.ext", "-out", place / f"{name}.pem")


def install(lab: Lab, host: str, upper: Path) -> dict[str, str]:
    """Copies a host's files to its disk; returns etcd's settings."""
    target = upper / PLACE
    target.mkdir(parents=True, exist_ok=True)
    for source, name in ((f"{host}.pem", "server.pem"), (f"{host}.key", "server.key"), ("ca.pem", "ca.pem"),
                         ("client.pem", "client.pem"), ("client.key", "client.key")):
        shutil.copy(directory(lab) / source, target / name)
        shutil.chown(target / name, "etcd", "etcd")
    return {"ETCD_CERT_FILE": f"/{PLACE}/server.pem", "ETCD_KEY_FILE": f"/{PLACE}/server.key",
            "ETCD_TRUSTED_CA_FILE": f"/{PLACE}/ca.pem", "ETCD_CLIENT_CERT_AUTH": "true"}


def etcdctl_environment() -> str:
    return f"ETCDCTL_CACERT=/{PLACE}/ca.pem ETCDCTL_CERT=/{PLACE}/client.pem ETCDCTL_KEY=/{PLACE}/client.key"


def inventory(lab: Lab) -> str:
    if "store-tls" not in lab.variants:
        return ""
    place = directory(lab)
    return (f"      tls:\n        ca_file: {place}/ca.pem\n        cert_file: {place}/client.pem\n"
            f"        key_file: {place}/client.key\n      username: pgadopt\n      password_file: {password_file(lab)}\n")


def openssl(*arguments) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise LabError(f"openssl {arguments[0]}: {done.stderr.strip()}")
