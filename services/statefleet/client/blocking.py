"""The typed client for programs without an event loop: the same calls, each returning when it is done."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from statefleet.client.fleet import Fleet

P = ParamSpec("P")
R = TypeVar("R")


def _call(
    method: Callable[Concatenate[Fleet, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[BlockingFleet, P], R]:
    @functools.wraps(method)
    def call(self: BlockingFleet, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.run(lambda fleet: method(fleet, *args, **kwargs))

    return call


def _stream(
    method: Callable[Concatenate[Fleet, P], AsyncGenerator[R, None]],
) -> Callable[Concatenate[BlockingFleet, P], Iterator[R]]:
    @functools.wraps(method)
    def stream(self: BlockingFleet, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        return self.stream(lambda fleet: method(fleet, *args, **kwargs))

    return stream


class BlockingFleet:
    """A Fleet behind blocking calls. It has a thread of its own with an event loop, and may be shared by threads.

    `open_fleet` is called on that loop, for channels belong to the loop that they are made on.
    """

    get = _call(Fleet.get)
    list = _call(Fleet.list)
    create = _call(Fleet.create)
    update = _call(Fleet.update)
    update_status = _call(Fleet.update_status)
    delete = _call(Fleet.delete)
    bind = _call(Fleet.bind)
    evict = _call(Fleet.evict)
    get_scale = _call(Fleet.get_scale)
    update_scale = _call(Fleet.update_scale)
    list_revisions = _call(Fleet.list_revisions)
    roll_back = _call(Fleet.roll_back)
    cordon = _call(Fleet.cordon)
    watch = _stream(Fleet.watch)
    follow = _stream(Fleet.follow)

    def __init__(self, open_fleet: Callable[[], Coroutine[Any, Any, Fleet]]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="statefleet-client", daemon=True)
        self._thread.start()
        try:
            self._fleet = self._wait(open_fleet())
        except BaseException:
            self._stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, use: Callable[[Fleet], Coroutine[Any, Any, R]]) -> R:
        """Run a coroutine that uses the fleet, and return its result."""
        return self._wait(use(self._fleet))

    def stream(self, use: Callable[[Fleet], AsyncGenerator[R, None]]) -> Iterator[R]:
        """Yield what a stream of the fleet yields; leaving the iterator ends it."""
        source = use(self._fleet)
        try:
            while True:
                try:
                    yield self._wait(anext(source))
                except StopAsyncIteration:
                    return
        finally:
            self._wait(source.aclose())

    def close(self) -> None:
        """Close the channels and end the thread."""
        if self._thread.is_alive():
            self._wait(self._fleet.close())
            self._stop()

    def _wait(self, coroutine: Coroutine[Any, Any, R]) -> R:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
