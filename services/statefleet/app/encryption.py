"""Have what is kept of a fleet encrypted: the file of keys, and the logs sealed with them."""

from __future__ import annotations

import os
from pathlib import Path

import structlog

from statefleet.app.backends import Logs
from statefleet.errors import BadRequest
from statefleet.store.doors import StoreLogs
from statefleet.store.keyring import Keyring, new_key
from statefleet.store.sealed_log import SealedLog

KEYS_FILE = "encryption.keys"
"""The file of keys that a fleet in one process makes for itself, beside its certificates."""

_log = structlog.get_logger(__name__)

_HEADING = """# The keys that this fleet's logs are encrypted with: an id and 32 bytes in base64 on each line.
# The first one seals what is written, all of them open what is read. Without them nothing can be read again.
"""


class SealedLogs:
    """Logs that are sealed before they are kept."""

    def __init__(self, logs: Logs, keyring: Keyring) -> None:
        self._logs = logs
        self._keyring = keyring

    async def open(self, store: str) -> StoreLogs:
        """Return the logs of a store, made where absent."""
        return sealed(await self._logs.open(store), self._keyring, store)


def sealed(logs: StoreLogs, keyring: Keyring, store: str) -> StoreLogs:
    """Return the logs of a store, sealed with keys."""
    return StoreLogs(
        SealedLog(logs.records, keyring, f"{store}.records"),
        SealedLog(logs.snapshots, keyring, f"{store}.snapshots"),
    )


def encrypted(logs: Logs, keys: Path | None) -> Logs:
    """Return logs sealed with the keys of a file; without one as they are, which is logged. BadRequest."""
    if keys is None:
        _log.warning("logs are not encrypted", fix="give --encryption-keys, see statefleet keys --help")
        return logs
    return SealedLogs(logs, Keyring.read(keys))


def own_keys(directory: Path) -> Path:
    """Return the file of keys in a directory, made where absent."""
    path = directory / KEYS_FILE
    if not path.exists():
        add_key(path, "k1")
    return path


def add_key(path: Path, key_id: str) -> None:
    """Add a new key to a file, which is made where absent and readable to its owner alone. BadRequest.

    It opens only, as it must everywhere before it seals anywhere; the first one of a file seals too.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else _HEADING
    changed = f"{text}{'' if text.endswith(chr(10)) else chr(10)}{key_id} {new_key()}\n"
    Keyring.parse(changed, str(path))
    _replace(path, changed)


def use_key(path: Path, key_id: str) -> None:
    """Have a key of a file seal from the next start on. BadRequest where the file has no such key."""
    Keyring.read(path)
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    chosen = next((line for line in lines if line.split()[:1] == [key_id]), None)
    if chosen is None:
        raise BadRequest(f'{path} has no key "{key_id}"')
    _replace(path, _with_first("".join(line for line in lines if line is not chosen), chosen.rstrip("\n") + "\n"))


def key_ids(path: Path) -> list[str]:
    """Return the ids of the keys in a file; the first one seals. BadRequest."""
    return Keyring.read(path).ids


def _with_first(text: str, line: str) -> str:
    """Return a file's text with a line before those of its keys, and after the heading."""
    lines = text.splitlines(keepends=True)
    at = next((i for i, each in enumerate(lines) if each.strip() and not each.lstrip().startswith("#")), len(lines))
    return "".join([*lines[:at], line, *lines[at:]])


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
