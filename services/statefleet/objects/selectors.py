"""Select objects by their labels. Pure: no I/O, clock or randomness.

Reads selectors as kubectl writes them, such as `app=web,tier in (a,b),!legacy`, and as objects hold them (matchLabels
and matchExpressions). Texts of errors and the canonical form are those of Kubernetes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from statefleet.api.meta.v1 import selector_pb2
from statefleet.errors import BadRequest
from statefleet.objects.label_parser import parse_requirements
from statefleet.objects.label_requirements import Operator, Requirement, requirement

__all__ = ["EVERYTHING", "NOTHING", "LabelSelector", "Operator", "Requirement"]

_MESSAGE_OPERATORS: Final = {
    "In": Operator.IN,
    "NotIn": Operator.NOT_IN,
    "Exists": Operator.EXISTS,
    "DoesNotExist": Operator.DOES_NOT_EXIST,
}


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Conditions that labels meet all. Without conditions it selects everything."""

    requirements: tuple[Requirement, ...] = ()
    selects_nothing: bool = False
    _equal: tuple[tuple[str, str], ...] = field(init=False, repr=False, compare=False)
    _others: tuple[Requirement, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Nearly all selectors ask for equal labels only: those are compared without a call each.
        exact = [item for item in self.requirements if item.is_equality]
        object.__setattr__(self, "_equal", tuple((item.key, value) for item in exact for value in item.values))
        object.__setattr__(self, "_others", tuple(item for item in self.requirements if item not in exact))

    @classmethod
    def of(cls, requirements: Iterable[Requirement]) -> Self:
        """Return the selector of some requirements, in canonical order."""
        return cls(tuple(sorted(requirements, key=lambda item: item.key)))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the selector that a text means; everything for the empty text. BadRequest where it means none."""
        return cls.of(parse_requirements(text))

    @classmethod
    def from_message(cls, message: selector_pb2.LabelSelector) -> Self:
        """Return the selector that an object holds, everything for an empty one. BadRequest where it is malformed.

        What an absent selector means differs by field (often nothing): that is for the caller to say.
        """
        equal = [requirement(key, Operator.EQUALS, {value}) for key, value in message.match_labels.items()]
        return cls.of(equal + [_from_expression(expression) for expression in message.match_expressions])

    @classmethod
    def equal(cls, labels: Mapping[str, str]) -> Self:
        """Return the selector of objects that carry all these labels, as a Service's selector does."""
        return cls.of(Requirement(key, Operator.EQUALS, frozenset({value})) for key, value in labels.items())

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether labels meet every condition."""
        for key, value in self._equal:
            if labels.get(key) != value:
                return False
        if self.selects_nothing:
            return False
        return not self._others or all(item.matches(labels) for item in self._others)

    @property
    def selects_everything(self) -> bool:
        """Whether there is no condition."""
        return not self.requirements and not self.selects_nothing

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))


EVERYTHING: Final = LabelSelector()
NOTHING: Final = LabelSelector(selects_nothing=True)


def _from_expression(expression: selector_pb2.LabelSelectorRequirement) -> Requirement:
    operator = _MESSAGE_OPERATORS.get(expression.operator)
    if operator is None:
        raise BadRequest(f'"{expression.operator}" is not a valid label selector operator')
    return requirement(expression.key, operator, expression.values)
