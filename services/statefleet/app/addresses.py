"""Read where to listen and where to call."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Self

from statefleet.network import MOST_PORT, parse_ip, parse_port


class AddressError(ValueError):
    """An address that cannot be used; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port; port 0 stands for any free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read HOST:PORT, with brackets around an IPv6 address. Raises AddressError."""
        host, colon, port = text.rpartition(":")
        number = parse_port(port)
        if not colon or not host or number is None:
            raise AddressError(f"{text!r} is not HOST:PORT with a port up to {MOST_PORT}, such as 127.0.0.1:6443")
        return cls(host.removeprefix("[").removesuffix("]"), number)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def names(self) -> list[str]:
        """The names under which this host may be called, for its certificate."""
        names = dict.fromkeys(["localhost", "127.0.0.1", "::1", self.host])
        address = parse_ip(self.host)
        if address is not None and address.is_unspecified:
            names.pop(self.host)
            names[socket.gethostname()] = None
        return list(names)
