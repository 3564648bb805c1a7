"""Metric families of objects, and their text in Prometheus' exposition format. Pure: no I/O or clock.

The text is written here and not by the exposition library, which takes several times as long for as many series.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.api.meta.v1.primitives_pb2 import Time
from statefleet.objects import quantity, times

O = TypeVar("O")  # noqa: E741 -- an object

Sample = tuple[str, float]
"""The labels of a sample beside those of its object, as text, and its value."""
Samples = Iterable[Sample]

NONE: Samples = ()

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def labels(**pairs: str) -> str:
    """Return labels as text, without braces."""
    return ",".join([f'{name}="{_escaped(value)}"' for name, value in pairs.items()])


def _escaped(value: str) -> str:
    return value.translate(_ESCAPES) if '"' in value or "\\" in value or "\n" in value else value


def one(value: float) -> Samples:
    """Return the only sample of an object."""
    return (("", value),)


def at(time: Time) -> Samples:
    """Return a time in seconds since the Unix epoch as the only sample; none where there is no time."""
    return one(time.seconds) if times.is_set(time) else NONE


def created(meta: ObjectMeta) -> Samples:
    """Return when an object was made."""
    return at(meta.creation_timestamp)


def deleted(meta: ObjectMeta) -> Samples:
    """Return when an object was or will be deleted, if that was asked for."""
    return at(meta.deletion_timestamp) if meta.HasField("deletion_timestamp") else NONE


@lru_cache(maxsize=256)
def choice(label: str, values: tuple[str, ...], chosen: str) -> Samples:
    """Return a sample for each of the values of a label: 1 for the chosen one, 0 for the others."""
    return tuple([(f'{label}="{value}"', int(value == chosen)) for value in values])


@lru_cache(maxsize=256)
def amount(text: str) -> float:
    """Return a quantity as a number, whole where it is."""
    nano = quantity.parse(text or "0").nano
    whole, rest = divmod(nano, 10**9)
    return nano / 10**9 if rest else whole


@dataclass(frozen=True, slots=True)
class Family(Generic[O]):
    """One metric of each object of a sort."""

    name: str
    text: str
    samples: Callable[[O], Samples]
    type: str = "gauge"

    @property
    def header(self) -> str:
        """The comments before its samples."""
        return f"# HELP {self.name} {self.text}\n# TYPE {self.name} {self.type}\n"


@dataclass(frozen=True, slots=True)
class Table(Generic[O]):
    """The families of a sort of object."""

    identify: Callable[[O], str]
    """The labels that all samples of an object have."""
    families: tuple[Family[O], ...]

    def render(self, subject: O) -> list[str]:
        """Return an object's samples as lines of text, one text for each family."""
        own = self.identify(subject)
        return [_lines(family.name, own, family.samples(subject)) for family in self.families]

    def expose(self, rendered: Iterable[list[str]]) -> Iterator[str]:
        """Return the text for objects that have been rendered, without the families that have no samples."""
        columns: Iterable[tuple[str, ...]] = zip(*rendered, strict=True)
        for family, texts in zip(self.families, columns, strict=False):
            text = "".join(texts)
            if text:
                yield family.header
                yield text


def _lines(name: str, own: str, samples: Samples) -> str:
    lines = ""
    for more, value in samples:
        lines += f"{name}{{{own},{more}}} {value}\n" if more else f"{name}{{{own}}} {value}\n"
    return lines


AnyTable = Table[Any]
