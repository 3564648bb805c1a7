"""All that a state holds, at one moment. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from statefleet.store.entries import Claim, Entry, Remembered, VersionTime


@dataclass(frozen=True, slots=True)
class Image:
    """A copy of a state by reference: it holds the same entries, which never change, in containers of its own.

    Entries come by kind, namespace and name; marks and requests oldest first; times are nanoseconds since the Unix
    epoch.
    """

    version: int = 0
    epoch: int = 0
    feature_level: int = 0
    time_ns: int = 0
    marks_floor: int = 0
    version_times: Sequence[VersionTime] = ()
    entries: Sequence[Entry] = ()
    marks: Mapping[str, int] = field(default_factory=dict)
    claims: Mapping[str, Claim] = field(default_factory=dict)
    requests: Mapping[str, Remembered] = field(default_factory=dict)
