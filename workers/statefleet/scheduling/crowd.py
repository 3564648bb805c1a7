"""Count which pods are where, by what terms of pod affinity ask about. Pure: no I/O, clock or randomness.

The counts follow each change, so that what other pods mean for one costs no look at every pod.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar

from statefleet.scheduling.placed_pod import AffinityTerm, PlacedPod

K = TypeVar("K")

Labels = Mapping[str, str]
Places = Counter[str]
"""How many pods there are at each value of a topology label. None is counted as 0 or less."""

_REQUIRED_WEIGHT = 1
"""What a pod's required affinity is worth to those that it is about, as in Kubernetes."""
_QUESTIONS_REMEMBERED = 64


class Question(NamedTuple):
    """Pods that all the terms are about, by place in a topology."""

    terms: tuple[AffinityTerm, ...]
    topology_key: str

    def concerns(self, pod: PlacedPod, namespaces: Mapping[str, Labels]) -> bool:
        """Return whether a pod is one of those asked about."""
        return all(term.selects(pod, namespaces) for term in self.terms)


class Crowd:
    """All pods that have a node, by the labels of that node."""

    def __init__(self) -> None:
        self.namespaces: dict[str, Labels] = {}
        """The labels of each namespace; change them with `set_namespace`."""
        self.repelling: dict[AffinityTerm, Places] = {}
        """Where the pods are that keep away those that a term is about."""
        self.attracting: dict[tuple[int, AffinityTerm], Places] = {}
        """Where the pods are to which those that a term is about are worth a weight, which may be negative."""
        self._counted: OrderedDict[Question, Places] = OrderedDict()

    def set_namespace(self, name: str, labels: Labels | None) -> None:
        """Take a namespace's newest labels; None: it has gone."""
        if labels == self.namespaces.get(name):
            return
        if labels is None:
            del self.namespaces[name]
        else:
            self.namespaces[name] = labels
        self._counted.clear()

    def enter(self, pod: PlacedPod, labels: Labels) -> None:
        """Count a pod on a node with these labels."""
        self._count(pod, labels, 1)

    def leave(self, pod: PlacedPod, labels: Labels) -> None:
        """Count a pod no more on a node with these labels, with which it was counted."""
        self._count(pod, labels, -1)

    def places(self, question: Question, everyone: Iterable[tuple[PlacedPod, Labels]]) -> Places:
        """Return where the pods are that a question is about; `everyone` is looked at only when it is new."""
        found = self._counted.get(question)
        if found is None:
            found = self._counted[question] = Counter()
            for pod, labels in everyone:
                if question.topology_key in labels and question.concerns(pod, self.namespaces):
                    found[labels[question.topology_key]] += 1
            if len(self._counted) > _QUESTIONS_REMEMBERED:
                self._counted.popitem(last=False)
        self._counted.move_to_end(question)
        return found

    def _count(self, pod: PlacedPod, labels: Labels, change: int) -> None:
        for term in pod.anti_affinity:
            _add(self.repelling, term, labels.get(term.topology_key), change)
        for term in pod.affinity:
            _add(self.attracting, (_REQUIRED_WEIGHT, term), labels.get(term.topology_key), change)
        for weight, term in pod.preferred:
            _add(self.attracting, (weight, term), labels.get(term.topology_key), change)
        for question, places in self._counted.items():
            place = labels.get(question.topology_key)
            if place is not None and question.concerns(pod, self.namespaces):
                _change(places, place, change)


def _add(index: dict[K, Places], key: K, place: str | None, change: int) -> None:
    if place is not None:
        places = index.setdefault(key, Counter())
        _change(places, place, change)
        if not places:
            del index[key]


def _change(places: Places, place: str, change: int) -> None:
    places[place] += change
    if not places[place]:
        del places[place]
