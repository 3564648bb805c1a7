"""`statefleet health`: ask a part of the suite whether it is well, as container engines and scripts do."""

from __future__ import annotations

import http.client
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import SplitResult, urlsplit

import click

_PATHS = {"https": "/readyz", "http": "/metrics"}


@dataclass(frozen=True, slots=True)
class _Shown:
    """Files: whom to trust, and what to show."""

    ca: Path
    certificate: Path
    key: Path

    @classmethod
    def of(cls, directory: Path, identity: str) -> Self:
        shown = cls(directory / "ca.crt", directory / f"{identity}.crt", directory / f"{identity}.key")
        for file in (shown.ca, shown.certificate, shown.key):
            if not os.access(file, os.R_OK):
                raise Ill(f"cannot read {file}: `statefleet certs issue` makes certificates")
        return shown


class Ill(Exception):  # noqa: N818 -- what the part is
    """A part does not answer, or says that it is not well; the text says which."""


@click.command("health")
@click.argument("url")
@click.option(
    "--certificates",
    type=click.Path(file_okay=False, path_type=Path),
    help="The directory with ca.crt and the certificate to show; http needs none.",
)
@click.option("--identity", default="admin", show_default=True, help="Whose certificate to show: its file's name.")
@click.option("--timeout", type=click.FloatRange(min=0.1), default=3.0, show_default=True, help="Seconds to wait.")
def health(url: str, certificates: Path | None, identity: str, timeout: float) -> None:
    """Ask the part of the suite at URL whether it is well, and exit with 1 if it is not.

    grpcs://HOST:PORT asks a service, over mutual TLS.

    https://HOST:PORT asks a gateway: whether it reaches every service.

    http://HOST:PORT asks any part that has --metrics-listen; an agent also has to be heard.
    """
    target = _target(url)
    if target.scheme != "http" and certificates is None:
        raise click.UsageError(f"{target.scheme} needs --certificates")
    try:
        if target.scheme == "http" or certificates is None:
            _ask_process(target, timeout)
        elif target.scheme == "https":
            _ask_gateway(target, _Shown.of(certificates, identity), timeout)
        else:
            _ask_service(target, _Shown.of(certificates, identity), timeout)
    except Ill as error:
        raise click.ClickException(f"{url}: {error}") from error
    click.echo("well")


def _target(url: str) -> SplitResult:
    target = urlsplit(url)
    try:
        known = target.scheme in {"grpcs", *_PATHS} and target.hostname and target.port
    except ValueError:
        known = False
    if not known:
        raise click.UsageError(f"{url!r} is not grpcs://HOST:PORT, https://HOST:PORT or http://HOST:PORT")
    return target


def _ask_process(target: SplitResult, timeout: float) -> None:
    connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=timeout)
    if "statefleet_agent_heard 0.0" in _get(connection, target).splitlines():
        raise Ill("the node registry does not take the agent's heartbeats")


def _ask_gateway(target: SplitResult, shown: _Shown, timeout: float) -> None:
    context = ssl.create_default_context(cafile=shown.ca)
    context.load_cert_chain(shown.certificate, shown.key)
    _get(http.client.HTTPSConnection(target.hostname or "", target.port, timeout=timeout, context=context), target)


def _get(connection: http.client.HTTPConnection, target: SplitResult) -> str:
    """Return what a part answers. Raises Ill where that is no success."""
    try:
        connection.request("GET", target.path or _PATHS[target.scheme])
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        raise Ill(f"does not answer: {error}") from error
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise Ill(text.strip() or f"status {answer.status}")
    return text


def _ask_service(target: SplitResult, shown: _Shown, timeout: float) -> None:
    import grpc  # noqa: PLC0415 -- not needed for the others
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415

    from statefleet.rpc.tls import ClientTls  # noqa: PLC0415

    credentials = ClientTls.load(shown.ca, shown.certificate, shown.key).credentials()
    with grpc.secure_channel(target.netloc, credentials) as channel:
        stub = health_pb2_grpc.HealthStub(channel)  # type: ignore[no-untyped-call]
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout)
        except grpc.RpcError as error:
            raise Ill(f"does not answer: {error.details()}") from error
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise Ill("does not serve")
