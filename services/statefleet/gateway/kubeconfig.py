"""Write the file that tells kubectl where the gateway is and as whom to call it."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client needs beside the address: the authority to trust, its certificate and key, PEM, or its token."""

    authority: bytes
    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)
    token: str = field(default="", repr=False)

    @property
    def user(self) -> dict[str, str]:
        """How a kubeconfig has it of a user."""
        if self.token:
            return {"token": self.token}
        return {"client-certificate-data": _base64(self.certificate), "client-key-data": _base64(self.key)}


def document(
    server: str,
    credentials: Credentials,
    *,
    name: str = "statefleet",
    user: str = "admin",
    namespace: str = "default",
) -> dict[str, Any]:
    """Return a kubeconfig with one context, which is the current one. `server` is a URL."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "preferences": {},
        "clusters": [
            {
                "name": name,
                "cluster": {"server": server, "certificate-authority-data": _base64(credentials.authority)},
            }
        ],
        "users": [{"name": user, "user": credentials.user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": user, "namespace": namespace}}],
    }


def write(path: Path, config: dict[str, Any]) -> None:
    """Put a kubeconfig in place at once and readable to its owner alone: it holds a key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        yaml.safe_dump(config, file, sort_keys=False)
    draft.replace(path)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
