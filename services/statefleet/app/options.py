"""The options that several commands share, each read and checked in one place."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from statefleet.agent.behaviour import BAD_IMAGE, MOST_USAGE, Behaviour
from statefleet.agent.nodes import NodeSize, pod_network
from statefleet.app.addresses import Address, AddressError
from statefleet.app.peers import SERVICES, Peers
from statefleet.objects.quantity import parse
from statefleet.runtime.logging import FORMATS, LEVELS
from statefleet.store.state import FEATURE_LEVEL

F = TypeVar("F", bound=Callable[..., Any])

PORTS = {"workload-store": 7301, "revision-history": 7302, "node-registry": 7303, "gateway": 6443}
"""Where each part listens unless told otherwise."""


class AddressType(click.ParamType[Address]):
    """HOST:PORT. Of an address that is called the port is known: 0, for any free one, is where to listen alone."""

    name = "host:port"

    def __init__(self, *, is_called: bool = False) -> None:
        self._is_called = is_called

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        """Read the address."""
        if isinstance(value, Address):
            return value
        try:
            address = Address.parse(value)
        except AddressError as error:
            self.fail(str(error), param, ctx)
        if self._is_called and not address.port:
            self.fail(f"{value!r} has port 0, at which nobody can be called", param, ctx)
        return address


class AddressesType(click.ParamType[tuple[Address, ...]]):
    """HOST:PORT of who is called, or several with commas in between."""

    name = "host:port,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Address, ...]:
        """Read the addresses."""
        if isinstance(value, tuple):
            return value
        return tuple(CALLED.convert(part.strip(), param, ctx) for part in value.split(","))


class QuantityType(click.ParamType[str]):
    """A positive Kubernetes quantity."""

    name = "quantity"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the quantity."""
        try:
            amount = parse(str(value))
        except ValueError as error:
            self.fail(f"{value!r}: {error}; use for example 500m, 2 or 4Gi", param, ctx)
        if amount.nano <= 0:
            self.fail(f"{value!r} is not more than nothing", param, ctx)
        return str(amount)


class PatternType(click.ParamType[str]):
    """A regular expression."""

    name = "regex"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the expression."""
        try:
            re.compile(value)
        except re.error as error:
            self.fail(f"{value!r} is not a regular expression: {error}", param, ctx)
        return str(value)


class UrlType(click.ParamType[str]):
    """The URL of a gateway."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the URL."""
        try:
            parts = urlsplit(str(value))
            is_complete = parts.scheme in {"https", "http"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_complete = False
        if not is_complete:
            self.fail(f"{value!r} is not a URL, such as https://127.0.0.1:6443", param, ctx)
        return str(value)


ADDRESS = AddressType()
CALLED = AddressType(is_called=True)
ADDRESSES = AddressesType()
QUANTITY = QuantityType()
URL = UrlType()
SECONDS = click.FloatRange(min=0.0)


def most_nodes() -> int:
    """Return how many nodes one agent can stand for: as many as have addresses."""
    low, high = 1, 1 << 24
    while low < high:
        middle = (low + high + 1) // 2
        try:
            pod_network(middle - 1)
        except ValueError:
            high = middle - 1
        else:
            low = middle
    return low


def logging_options(command: F) -> F:
    """Add what a process logs."""
    command = click.option(
        "--log-format", type=click.Choice(FORMATS), default="console", show_default=True, help="How to write logs."
    )(command)
    return click.option(
        "--log-level", type=click.Choice(LEVELS), default="warning", show_default=True, help="The least to log."
    )(command)


def metrics_option(command: F) -> F:
    """Add where Prometheus may scrape the process."""
    return click.option(
        "--metrics-listen", type=ADDRESS, help="Where to serve /metrics over plain HTTP; without it, nowhere."
    )(command)


def node_options(command: F) -> F:
    """Add how many simulated nodes there are and how big they are."""
    for option in (
        click.option("--node-memory", type=QUANTITY, default="2Gi", show_default=True, help="Memory of each node."),
        click.option("--node-cpu", type=QUANTITY, default="1", show_default=True, help="Processors of each node."),
        click.option(
            "--nodes",
            type=click.IntRange(min=0, max=most_nodes()),
            default=3,
            show_default=True,
            help="How many simulated nodes there are.",
        ),
    ):
        command = option(command)
    return command


def behaviour_options(command: F) -> F:
    """Add how simulated pods behave."""
    for option in (
        click.option(
            "--bad-image",
            type=PatternType(),
            default=BAD_IMAGE,
            help="Images that cannot be pulled.",
            show_default=True,
        ),
        click.option(
            "--usage",
            type=click.FloatRange(0.0, MOST_USAGE),
            default=0.0,
            show_default=True,
            help="How much of what it requests a container is said to use, such as 0.5.",
        ),
        click.option(
            "--exit-code",
            type=click.IntRange(0, 255),
            default=1,
            show_default=True,
            help="What a container that crashes exits with.",
        ),
        click.option("--crash-after", type=SECONDS, help="Seconds that every container runs; without it, for ever."),
        click.option("--stop-delay", type=SECONDS, default=0.2, show_default=True, help="Seconds a container stops."),
        click.option(
            "--ready-delay", type=SECONDS, default=0.3, show_default=True, help="Seconds from start to readiness."
        ),
        click.option(
            "--start-delay", type=SECONDS, default=0.2, show_default=True, help="Seconds a container starts."
        ),
        click.option(
            "--pull-delay", type=SECONDS, default=0.0, show_default=True, help="Seconds an image is pulled."
        ),
    ):
        command = option(command)
    return command


def size_of(values: dict[str, Any]) -> NodeSize:
    """Take the nodes' size out of a command's options."""
    return NodeSize(cpu=values.pop("node_cpu"), memory=values.pop("node_memory"))


def behaviour_of(values: dict[str, Any]) -> Behaviour:
    """Take the pods' behaviour out of a command's options."""
    return Behaviour(**{field.name: values.pop(field.name) for field in fields(Behaviour) if field.name in values})


def encryption_option(help_text: str) -> Callable[[F], F]:
    """Add the file of the keys that logs are sealed with."""
    return click.option("--encryption-keys", type=click.Path(dir_okay=False, path_type=Path), help=help_text)


def level_option(command: F) -> F:
    """Add how far the rules by which a log is read may be raised."""
    return click.option(
        "--feature-level",
        type=click.IntRange(min=0, max=FEATURE_LEVEL),
        default=FEATURE_LEVEL,
        show_default=True,
        help="Raise the log to this level of rules once every replica knows it; a lower one keeps the way back open.",
    )(command)


def tokens_option(command: F) -> F:
    """Add the file of the bearer tokens that a gateway takes."""
    return click.option(
        "--tokens",
        type=click.Path(dir_okay=False, path_type=Path),
        help='A file of bearer tokens, a line each: token,user,uid,"group1,group2". Read again when it changes.',
    )(command)


def certificates_option(command: F) -> F:
    """Add the directory of the fleet's certificates."""
    return click.option(
        "--certificates",
        type=click.Path(file_okay=False, path_type=Path),
        required=True,
        help="The directory of the fleet's authority and certificates; what is missing in it is made.",
    )(command)


def peer_options(command: F) -> F:
    """Add where the services are, and the certificates to call them with."""
    for name in reversed(tuple(SERVICES)):
        command = click.option(
            f"--{name}",
            type=ADDRESSES,
            default=str(Address("127.0.0.1", PORTS[name])),
            show_default=True,
            help=f"Where the replicas of the {name.replace('-', ' ')} are.",
        )(command)
    return certificates_option(command)


def peers_of(values: dict[str, Any]) -> Peers:
    """Take the peers out of a command's options."""
    services = {name: values.pop(name.replace("-", "_")) for name in SERVICES}
    return Peers(services, values.pop("certificates"))
