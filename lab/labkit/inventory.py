"""The inventory of a lab, as a person would write it."""

from .settings import HOSTS, Lab


def text(lab: Lab) -> str:
    hosts = "".join(
        f"      - name: {host}\n        role: {'primary' if host == 'h1' else 'replica'}\n"
        f"        address: {lab.address(host)}\n" for host in HOSTS)
    endpoints = "".join(f"        - {lab.address(host)}:2379\n" for host in HOSTS)
    return f"""# The lab {lab.name!r}: three hosts on {lab.subnet}.
clusters:
  - name: main
    rto: normal
    ssh:
      user: dba
      identity_file: {lab.key}
      known_hosts_file: {lab.known_hosts}
    dcs:
      endpoints:
{endpoints}    hosts:
{hosts}"""
