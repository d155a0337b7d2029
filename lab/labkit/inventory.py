"""The inventory of a lab, as a person would write it."""

from . import certificates
from .settings import HOSTS, Lab

ROLES = {"h1": "primary"}


def text(lab: Lab) -> str:
    hosts = "".join(
        f"      {host}:\n        role: {ROLES.get(host, 'replica')}\n        address: {lab.address(host)}\n"
        for host in HOSTS)
    backup = "      pgbackrest: {stanza: main}\n" if "backup" in lab.variants else ""
    endpoints = ", ".join(f"{lab.address(host)}:2379" for host in HOSTS)
    return f"""# The lab {lab.name!r}: h1 runs a legacy PostgreSQL 15, h2 and h3 are to become its replicas.
clusters:
  main:
    rto: normal
    # The three hosts share one disk: two copies at full speed would make the primary's commits wait.
    replicas:
      max_rate: 40MB
{backup}    store:
      endpoints: [{endpoints}]
{certificates.inventory(lab)}    ssh:
      user: dba
      identity_file: {lab.key}
      known_hosts_file: {lab.known_hosts}
      use_agent: false
    hosts:
{hosts}"""
