"""What a highly available cluster in the lab says of itself, over the REST API that Patroni and pgadopt share."""

import json
import time
import urllib.error
import urllib.request

from . import machine
from .settings import HOSTS, Lab, LabError

#: How far a replica may be behind and still count as following, in bytes.
SMALL_LAG = 1 << 20


def members(lab: Lab) -> list[dict]:
    """From the first host that answers; empty when none does."""
    for host in HOSTS:
        if machine.init_pid(lab, host) is None or machine.is_cut(lab, host):
            continue
        try:
            with urllib.request.urlopen(f"http://{lab.address(host)}:8008/cluster", timeout=2) as answer:
                return json.load(answer)["members"]
        except (OSError, ValueError, KeyError):
            continue
    return []


def leader(lab: Lab) -> str:
    for _ in range(100):
        for member in members(lab):
            if member["role"] == "leader":
                return member["name"]
        time.sleep(0.2)
    raise LabError("the cluster has had no leader for 20 s")


def is_whole(found: list[dict]) -> bool:
    replicas = [member for member in found if member["role"] != "leader"]
    return len(found) == 3 and len(replicas) == 2 and all(
        member["state"] == "streaming" and isinstance(member.get("lag"), int) and member["lag"] < SMALL_LAG
        for member in replicas)


def await_members(lab: Lab, condition, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition(found := members(lab)):
        if time.monotonic() > deadline:
            raise LabError(f"waited {seconds:g} s for {what}; the members are {found}")
        time.sleep(0.25)


def switch_over(lab: Lab, old: str) -> None:
    """Asks the leader to hand over to whichever member it chooses."""
    candidate = next(m["name"] for m in members(lab) if m["name"] != old and m["state"] == "streaming")
    request = urllib.request.Request(
        f"http://{lab.address(old)}:8008/switchover", method="POST",
        data=json.dumps({"leader": old, "candidate": candidate}).encode(), headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        raise LabError(f"switchover refused: {error.code} {error.read().decode(errors='replace')}") from None
