"""Block or refuse network connections in tests."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

LOCAL_NAMES = ("", "localhost", "ip6-localhost")


class NetworkAccessError(RuntimeError):
    """Raised if a test opens a connection that :func:`blocked` or :func:`refused` forbids."""


@contextmanager
def blocked() -> Iterator[None]:
    """Raise NetworkAccessError for connections to other computers, and for their name lookups."""

    def check(host: Any) -> None:
        if not is_local(host):
            raise NetworkAccessError(
                f"The test opens a connection to {host}, but the fixture astrodome_no_network "
                "allows only loopback addresses: use a fake server, or set the service address."
            )

    with _checked(check):
        yield


@contextmanager
def refused() -> Iterator[list[str]]:
    """Refuse all connections, and yield a list to which the requested hosts are added."""
    hosts: list[str] = []

    def check(host: Any) -> None:
        hosts.append(str(host))
        raise ConnectionRefusedError(111, f"Connection refused by the test: {host}")

    with _checked(check):
        yield hosts


def is_local(host: Any) -> bool:
    """Return whether a host name or an IP address refers to this computer."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")
    if name.lower() in LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


@contextmanager
def _checked(check: Any) -> Iterator[None]:
    """Call a function with the host of each connection and of each name lookup in the block."""
    original = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex", "sendto")}
    lookup = socket.getaddrinfo

    def method(name: str) -> Any:
        def call(self: socket.socket, *args: Any) -> Any:
            address = args[-1]
            if self.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
                check(address[0])
            return original[name](self, *args)

        return call

    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        check(host)
        return lookup(host, *args, **options)

    with (
        mock.patch.multiple(socket.socket, **{name: method(name) for name in original}),
        mock.patch.object(socket, "getaddrinfo", getaddrinfo),
    ):
        yield
