"""Containers and networks of the tests carry the mark of the process that the tests run in.

That process removes it all at its end, and whoever runs tests next removes what a killed one left behind.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

from docker.client import from_env
from docker.errors import APIError

OWNER = "statefleet.tests.owner"
"""The label, and the variable that tells it to processes started: the number and start of the run's process."""
_MARK = re.compile(r"(\d+)-\d+", re.ASCII)


def labels() -> dict[str, str]:
    """Return what marks a container or network as this run's."""
    return {OWNER: os.environ[OWNER]}


def begin() -> None:
    """Have this process, and those that it starts, mark what they make as its own."""
    os.environ[OWNER] = _identity(os.getpid())


def expect() -> None:
    """Note that this run makes containers, and remove what runs made that have been killed."""
    _note().touch()
    _remove(has_ended)


def end() -> None:
    """Remove what this run made and has not removed itself, if it made anything."""
    if _note().exists():
        _remove(lambda owner: owner == os.environ[OWNER])
        _note().unlink()


def has_ended(owner: str) -> bool:
    """Return whether the process that a mark names is gone. What is not a mark of a run names none."""
    known = _MARK.fullmatch(owner)
    return known is not None and _identity(int(known[1])) != owner


def _note() -> Path:
    return Path(tempfile.gettempdir()) / f"statefleet-tests-{os.environ[OWNER]}"


def _remove(concerns: Callable[[str], bool]) -> None:
    client = from_env()
    try:
        for container in client.containers.list(all=True, ignore_removed=True, filters={"label": OWNER}):
            if concerns(container.labels[OWNER]):
                with _removed_by_somebody():
                    container.remove(force=True, v=True)
        for network in client.networks.list(filters={"label": OWNER}):
            if concerns(network.attrs["Labels"][OWNER]):
                with _removed_by_somebody():
                    network.remove()
    finally:
        client.close()


@contextmanager
def _removed_by_somebody() -> Iterator[None]:
    """Bear that another run removes it at the same time, or has."""
    try:
        yield
    except APIError as error:
        if error.status_code not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
            raise


def _identity(pid: int) -> str:
    """Return the number of a process and when it started, so that a number given anew is not taken for it."""
    try:
        started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except FileNotFoundError:
        started = "gone"
    return f"{pid}-{started}"
