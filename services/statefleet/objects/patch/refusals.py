"""The errors that patches end in. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from typing import Any

import orjson

from statefleet.errors import Cause, Invalid, Subject

_GO_CONSTANTS = {None: "<nil>", True: "true", False: "false"}


def unprocessable() -> Invalid:
    """Return the error for a patch that does not apply; Kubernetes says no more of the reason."""
    return Invalid("the server rejected our request due to an error in our request", Subject())


def refused_document(document: Any, text: str) -> Invalid:
    """Return the error for a JSON patch or merge patch whose outcome, the document, its type cannot take."""
    return _refused(orjson.dumps(document).decode(), text)


def refused_change(patch: Any, text: str) -> Invalid:
    """Return the error for a strategic merge patch whose outcome its type cannot take."""
    return _refused(go_text(patch), text)


def go_text(value: Any) -> str:
    """Return a JSON value as Go prints it: map[a:1 b:[x y]]."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{go_text(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(go_text, value)) + "]"
    if value is None or isinstance(value, bool):
        return _GO_CONSTANTS[value]
    return str(value)


def _refused(shown: str, text: str) -> Invalid:
    message = f"Invalid value: {orjson.dumps(shown).decode()}: {text}"
    return Invalid(
        f' "" is invalid: patch: {message}', Subject(causes=(Cause("FieldValueInvalid", message, "patch"),))
    )
