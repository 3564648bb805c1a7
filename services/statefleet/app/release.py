"""Which release this is."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

VERSION: Final = version("statefleet")
"""The release, such as 0.1.0."""
