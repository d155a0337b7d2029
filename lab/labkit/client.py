"""The application's side: connections with deadlines, and one clock for everything that is measured."""

import os
import select
import time

import psycopg2
import psycopg2.extensions

#: A write that got no answer for this long is given up, as an application with a request deadline does.
WRITE_DEADLINE = 3.0


class NoAnswer(psycopg2.OperationalError):
    """The server took the bytes and said nothing until the deadline: frozen, or cut off."""


def now() -> float:
    """Seconds on CLOCK_MONOTONIC; the same clock for every process of this machine, hosts included."""
    return time.monotonic()


class Orphanage:
    """Notices that whoever started this program is gone: a runner that was killed must not leave a load behind."""

    def __init__(self):
        self.parent = os.getppid()

    def is_orphan(self) -> bool:
        return os.getppid() != self.parent


def split_hosts(dsn: str) -> list[str]:
    """The same connection string once a host, for those who want to know which host answers."""
    values = psycopg2.extensions.parse_dsn(dsn)
    hosts = values["host"].split(",")
    ports = values.get("port", "5432").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    return [psycopg2.extensions.make_dsn(**{**values, "host": host, "port": port}) for host, port in zip(hosts, ports)]


def rotated(dsn: str, first: int) -> str:
    """The same hosts, beginning with another one: libpq asks them in order."""
    values = psycopg2.extensions.parse_dsn(dsn)
    hosts, ports = values["host"].split(","), values.get("port", "5432").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    shift = first % len(hosts)
    values["host"] = ",".join(hosts[shift:] + hosts[:shift])
    values["port"] = ",".join(ports[shift:] + ports[:shift])
    return psycopg2.extensions.make_dsn(**values)


def wait_with_deadline(connection) -> None:
    """psycopg2's wait callback: gives a call up at the deadline, whatever the network does."""
    deadline = now() + WRITE_DEADLINE
    while True:
        state = connection.poll()
        if state == psycopg2.extensions.POLL_OK:
            return
        remaining = deadline - now()
        reads = [connection.fileno()] if state == psycopg2.extensions.POLL_READ else []
        writes = [connection.fileno()] if state == psycopg2.extensions.POLL_WRITE else []
        if remaining <= 0 or not any(select.select(reads, writes, [], max(0.0, remaining))):
            # The connection is unusable after this: its answer may still come, to nobody.
            raise NoAnswer(f"no answer for {WRITE_DEADLINE:g} s")


def one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text[:160] or type(error).__name__
