"""Decide how long failed pods of a node are left alone: where they fail again and again, ever longer. Pure."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 900.0
_FORGOTTEN_AFTER = 2 * LONGEST_SECONDS


@dataclass(slots=True)
class _Attempts:
    delay: float
    at: float


class Patience:
    """The delays of the nodes of all sets, as Kubernetes has them: from one second to fifteen minutes."""

    def __init__(self) -> None:
        self._attempts: dict[tuple[str, str], _Attempts] = {}

    def note(self, uid: str, node: str, now: float) -> float:
        """Note that a failed pod of a set's node is deleted. Return before when the next must not be."""
        last = self._attempts.get((uid, node))
        if last is None or now - last.at > _FORGOTTEN_AFTER:
            delay = FIRST_SECONDS
        else:
            delay = min(2 * last.delay, LONGEST_SECONDS)
        self._attempts[uid, node] = _Attempts(delay, now)
        return now + delay

    def forget(self, uid: str) -> None:
        """Forget a set."""
        for key in [key for key in self._attempts if key[0] == uid]:
            del self._attempts[key]
