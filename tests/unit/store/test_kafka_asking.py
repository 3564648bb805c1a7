"""Who is asked when, and whose answer counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from statefleet.errors import Unavailable
from statefleet.store.kafka_asking import first_answers

FOREVER = 3600.0


class Asked:
    """Brokers that answer with a number, an error, or not at all."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.cancelled: list[str] = []

    def __call__(self, name: str, answer: int | str | None) -> Callable[[], Coroutine[Any, Any, int]]:
        async def ask() -> int:
            self.order.append(name)
            if answer is None:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    self.cancelled.append(name)
                    raise
            if isinstance(answer, str):
                raise Unavailable(answer)
            assert answer is not None
            return answer

        return ask


async def test_no_more_are_asked_than_are_needed() -> None:
    asked = Asked()
    assert sorted(await first_answers(2, [asked("a", 1), asked("b", 2), asked("c", 3)], FOREVER)) == [1, 2]
    assert asked.order == ["a", "b"]


async def test_one_that_fails_is_replaced_by_the_next() -> None:
    asked = Asked()
    assert sorted(await first_answers(2, [asked("a", "away"), asked("b", 2), asked("c", 3)], FOREVER)) == [2, 3]


async def test_one_that_says_nothing_is_not_waited_for() -> None:
    asked = Asked()
    assert await first_answers(1, [asked("a", None), asked("b", None), asked("c", 3)], 0.001) == [3]
    assert asked.order == ["a", "b", "c"]
    assert sorted(asked.cancelled) == ["a", "b"]


async def test_too_few_answers_are_none_and_the_reasons_are_told_once() -> None:
    asked = Asked()
    questions = [asked("a", "refused"), asked("b", 2), asked("c", "refused"), asked("d", "unknown host")]
    with pytest.raises(Unavailable, match=r"^refused; unknown host$"):
        await first_answers(2, questions, FOREVER)


async def test_nobody_to_ask_is_told_too() -> None:
    with pytest.raises(Unavailable, match="too few brokers"):
        await first_answers(1, [], FOREVER)
