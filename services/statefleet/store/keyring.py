"""The keys that records are sealed with: AES-256-GCM under keys that are derived from those of a file.

A sealed record says how it was sealed, and then holds it encrypted:

    0xF7 0x01 | length of the key's id | the key's id | salt, 16 bytes | number, 12 bytes | ciphertext and tag

No protobuf message begins with 0xF7, whose wire type does not exist, so that plain records are told from sealed ones.
Each process seals under a key of its own, derived from the named one and a random salt, and numbers what it seals:
the limit on random nonces under one key is never met, however long a key of the file is kept.
"""

from __future__ import annotations

import base64
import binascii
import functools
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from statefleet.errors import BadRequest, Unavailable, without_path

KEY_BYTES = 32
_MARK = b"\xf7\x01"
_MARK_LENGTH = len(_MARK)
_SALT_LENGTH, _NUMBER_LENGTH, _TAG_LENGTH = 16, 12, 16
_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class Keyring:
    """Some keys by their ids, the first of which seals; every one of them opens."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise BadRequest("encryption keys: Required value: there is none")
        self._keys = dict(keys)
        sealing = next(iter(self._keys))
        salt, name = os.urandom(_SALT_LENGTH), sealing.encode()
        self._header = b"".join((_MARK, bytes((len(name),)), name, salt))
        self._cipher = _derived(self._keys[sealing], salt)
        self._number = 0

    @property
    def ids(self) -> list[str]:
        """The ids of the keys, that of the one that seals first."""
        return list(self._keys)

    @classmethod
    def parse(cls, text: str, source: str = "encryption keys") -> Self:
        """Read lines of an id and 32 bytes in base64; what follows a # is left out. BadRequest for others."""
        keys: dict[str, bytes] = {}
        for number, line in enumerate(text.splitlines(), 1):
            words = line.partition("#")[0].split()
            if not words:
                continue
            where = f"{source}: line {number}"
            if len(words) != 2 or not _KEY_ID.fullmatch(words[0]):
                raise BadRequest(f"{where}: Invalid value: must be an id (letters, digits, ., _, -) and a key")
            if words[0] in keys:
                raise BadRequest(f'{where}: Duplicate value: "{words[0]}"')
            keys[words[0]] = _key(words[1], where)
        if not keys:
            raise BadRequest(f"{source}: Required value: there is no key in it")
        return cls(keys)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file as `parse` does. BadRequest where it cannot be read."""
        try:
            return cls.parse(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise BadRequest(f"{path}: the encryption keys cannot be read: {without_path(error)}") from error

    def seal(self, payload: bytes, place: bytes) -> bytes:
        """Return a record sealed. It opens only for the same `place`, such as the name of its log."""
        self._number += 1
        number = self._number.to_bytes(_NUMBER_LENGTH, "big")
        return b"".join((self._header, number, self._cipher.encrypt(number, payload, self._header + place)))

    def open(self, stored: bytes, place: bytes) -> bytes:
        """Return what was sealed; a record that is plain is returned as it is.

        Unavailable where its key is not among these, or where it is not as it was sealed.
        """
        if stored[:_MARK_LENGTH] != _MARK:
            return stored
        salt_at = _MARK_LENGTH + 1 + (stored[_MARK_LENGTH] if len(stored) > _MARK_LENGTH else 0)
        number_at = salt_at + _SALT_LENGTH
        sealed_at = number_at + _NUMBER_LENGTH
        if len(stored) < sealed_at + _TAG_LENGTH:
            raise Unavailable("a sealed record is cut short")
        key_id = stored[_MARK_LENGTH + 1 : salt_at].decode("ascii", "backslashreplace")
        key = self._keys.get(key_id)
        if key is None:
            raise Unavailable(f'a record was sealed with the key "{key_id}", which is not among the encryption keys')
        header, number = stored[:number_at], stored[number_at:sealed_at]
        try:
            return _derived(key, stored[salt_at:number_at]).decrypt(number, stored[sealed_at:], header + place)
        except InvalidTag:
            raise Unavailable(
                f'a record sealed with the key "{key_id}" was altered, or the key is another one of that name'
            ) from None


def new_key() -> str:
    """Return a new random key, as a line of the file has it."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


@functools.lru_cache(maxsize=1024)
def _derived(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, b"statefleet log record").derive(key))


def _key(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise BadRequest(f"{where}: Invalid value: the key is not {KEY_BYTES} bytes in base64")
    return key
