"""Read where to listen and where to call."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import Self


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
        if not colon or not host or not port.isdigit() or int(port) > 65535:
            raise AddressError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:6443")
        return cls(host.removeprefix("[").removesuffix("]"), int(port))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def names(self) -> list[str]:
        """The names under which this host may be called, for its certificate."""
        names = dict.fromkeys(["localhost", "127.0.0.1", "::1", self.host])
        try:
            anywhere = ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            anywhere = False
        if anywhere:
            names.pop(self.host)
            names[socket.gethostname()] = None
        return list(names)
