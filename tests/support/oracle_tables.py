"""Tables recorded from Kubernetes 1.20, brought up to the columns of today.

Every difference between then and now is stated once, in DIFFERENCES; all else must be equal to the recording.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).parents[1] / "golden" / "tables"


@dataclass(frozen=True)
class Recording:
    """Objects, and the table that Kubernetes made of them at `now` (seconds since the epoch)."""

    name: str
    kind: str
    api_version: str
    now: float
    items: list[dict[str, Any]]
    columns: list[dict[str, Any]]
    """Column definitions without their descriptions."""
    rows: list[dict[str, Any]]
    """Cells and conditions of the rows."""


def _add_attributes_class(recording: Recording) -> None:
    """Volumes and claims have a VolumeAttributesClass, shown after the storage class."""
    position = [column["name"] for column in recording.columns].index("StorageClass") + 1
    recording.columns.insert(
        position, {"name": "VolumeAttributesClass", "type": "string", "format": "", "priority": 0}
    )
    for row in recording.rows:
        row["cells"].insert(position, "<unset>")


def _make_restarts_a_text(recording: Recording) -> None:
    """Restarts are a text, for it may say how long ago the last one was; no recorded one says when it was."""
    position = [column["name"] for column in recording.columns].index("Restarts")
    recording.columns[position]["type"] = "string"
    for row in recording.rows:
        row["cells"][position] = str(row["cells"][position])


def _count_a_series_as_it_says(recording: Recording) -> None:
    """A series counts every time the event happened; in the recording's it left out the first, which was added."""
    position = [column["name"] for column in recording.columns].index("Count")
    for item, row in zip(recording.items, recording.rows, strict=True):
        if "series" in item:
            row["cells"][position] = item["series"]["count"]


DIFFERENCES: dict[str, Callable[[Recording], None]] = {
    "events": _count_a_series_as_it_says,
    "persistentvolumeclaims": _add_attributes_class,
    "persistentvolumes": _add_attributes_class,
    "pods": _make_restarts_a_text,
}


def recordings() -> Iterator[Recording]:
    """Yield every recording as today's Kubernetes would have answered."""
    for path in sorted(RECORDINGS.glob("*.json")):
        found = json.loads(path.read_text())
        recording = Recording(
            name=path.stem,
            kind=found["kind"],
            api_version=found["apiVersion"],
            now=found["now"],
            items=found["items"],
            columns=found["columns"],
            rows=found["rows"],
        )
        DIFFERENCES.get(path.stem, lambda _: None)(recording)
        yield recording
