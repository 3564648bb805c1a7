"""Ask several brokers and go on with those that answer first."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from statefleet.errors import Unavailable
from statefleet.runtime.tasks import Tasks

T = TypeVar("T")

Question = Callable[[], Coroutine[Any, Any, T]]


async def first_answers(count: int, questions: Iterable[Question[T]], patience_seconds: float) -> list[T]:
    """Return the first answers to some of the questions, which are asked in order.

    So many as answers are wanted are asked at first, and another one whenever one fails, or nothing was heard for a
    while. What is no longer needed is cancelled. Unavailable, with the reasons, where too few can be had.
    """
    unasked = deque(questions)
    asked: set[asyncio.Task[T]] = set()
    answers: list[T] = []
    failures: dict[str, None] = {}
    async with Tasks("kafka/asking") as tasks:
        more = count
        while len(answers) < count:
            for question in [unasked.popleft() for _ in range(min(more, len(unasked)))]:
                asked.add(tasks.spawn(question(), "question", awaited=True))
            if not asked:
                raise Unavailable("; ".join(failures) or "too few brokers are there")
            timeout = patience_seconds if unasked else None
            done, asked = await asyncio.wait(asked, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            more = 0 if done else 1
            for task in done:
                try:
                    answers.append(task.result())
                except Unavailable as error:
                    failures[error.message] = None
                    more += 1
    return answers[:count]
