"""What became of each fault, as a table for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from faults.load import Outcome

HEADER = ("fault", "times", "writes acknowledged", "lost", "outcome unknown", "events watched", "longest pause, s")


class FaultTable:
    """The outcomes of all faults tried so far, by the fault. Whoever lost a write has failed and is not in it."""

    def __init__(self) -> None:
        self._outcomes: dict[str, list[Outcome]] = {}

    def add(self, fault: str, outcome: Outcome) -> None:
        """Take note of one outcome."""
        self._outcomes.setdefault(fault, []).append(outcome)

    def lines(self) -> Iterator[str]:
        """Yield the table, in Markdown; nothing where no fault was tried."""
        if self._outcomes:
            yield _row(HEADER)
            yield _row("---" for _ in HEADER)
        for fault, outcomes in self._outcomes.items():
            sums = (
                len(outcomes),
                sum(outcome.acknowledged for outcome in outcomes),
                0,
                sum(outcome.unknown for outcome in outcomes),
                sum(outcome.watched for outcome in outcomes),
                f"{max(outcome.longest_pause for outcome in outcomes):.1f}",
            )
            yield _row((fault.replace("_", " "), *sums))


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"
