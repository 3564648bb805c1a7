"""Which pull policy an image reference implies. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

_DOMAIN_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PATH_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_LONGEST = 1024
"""No registry takes longer references."""
_REFERENCE = re.compile(
    rf"(?:{_DOMAIN}/)?{_PATH_PART}(?:/{_PATH_PART})*(?::(?P<tag>\w[\w.-]{{0,127}}))?(?:@(?P<digest>{_DIGEST}))?",
    re.ASCII,
)


def pull_policy(image: str) -> str:
    """Return Always for the tag latest, named or implied by naming neither tag nor digest; else IfNotPresent.

    A reference that cannot be parsed implies IfNotPresent; whether it is valid is for validation to say.
    """
    return _pull_policy(image) if len(image) <= _LONGEST else "IfNotPresent"


@lru_cache(maxsize=1024)
def _pull_policy(image: str) -> str:
    match = _REFERENCE.fullmatch(image)
    if match is None:
        return "IfNotPresent"
    tag = match["tag"] or ("" if match["digest"] else "latest")
    return "Always" if tag == "latest" else "IfNotPresent"
