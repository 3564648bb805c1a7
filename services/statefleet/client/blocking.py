"""The typed client for programs without an event loop: the same calls, each returning when it is done."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar

from statefleet.client.connecting import Connection, connect
from statefleet.client.fleet import Fleet
from statefleet.client.rollouts import Rollouts


class Client(Protocol):
    """What can be put behind blocking calls."""

    async def close(self) -> None:
        """Close the channels."""


P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=Client)
C_co = TypeVar("C_co", bound=Client, covariant=True)


def _call(
    method: Callable[Concatenate[C, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[Blocking[C], P], R]:
    @functools.wraps(method)
    def call(self: Blocking[C], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.run(lambda client: method(client, *args, **kwargs))

    return call


def _stream(
    method: Callable[Concatenate[C, P], AsyncGenerator[R, None]],
) -> Callable[Concatenate[Blocking[C], P], Iterator[R]]:
    @functools.wraps(method)
    def stream(self: Blocking[C], /, *args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        return self.stream(lambda client: method(client, *args, **kwargs))

    return stream


class LoopThread:
    """A thread with an event loop, which other threads have coroutines run on."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._loop = self._runner.get_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="statefleet-client", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether it was not stopped."""
        return self._thread.is_alive()

    def wait(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Run a coroutine and return its result; interrupted, it is cancelled."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._runner.close()  # what still ends is waited for


class Blocking(Generic[C_co]):
    """A client behind blocking calls, which threads may share. It has a thread of its own where it is given none.

    `open_client` is called on the thread's loop, for channels belong to the loop that they are made on.
    """

    def __init__(
        self, open_client: Callable[[], Coroutine[Any, Any, C_co]], thread: LoopThread | None = None
    ) -> None:
        self._thread = LoopThread() if thread is None else thread
        try:
            self._client = self._thread.wait(open_client())
        except BaseException:
            self._thread.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, use: Callable[[C_co], Coroutine[Any, Any, R]]) -> R:
        """Run a coroutine that uses the client, and return its result."""
        return self._thread.wait(use(self._client))

    def stream(self, use: Callable[[C_co], AsyncGenerator[R, None]]) -> Iterator[R]:
        """Yield what a stream of the client yields; leaving the iterator ends it."""
        source = use(self._client)
        try:
            while True:
                try:
                    yield self._thread.wait(anext(source))
                except StopAsyncIteration:
                    return
        finally:
            if self._thread.is_running:
                self._thread.wait(source.aclose())

    def close(self) -> None:
        """Close the channels and end the thread."""
        if self._thread.is_running:
            self._thread.wait(self._client.close())
            self._thread.stop()


class BlockingFleet(Blocking[Fleet]):
    """A Fleet behind blocking calls."""

    get = _call(Fleet.get)
    list = _call(Fleet.list)
    create = _call(Fleet.create)
    update = _call(Fleet.update)
    update_status = _call(Fleet.update_status)
    apply = _call(Fleet.apply)
    delete = _call(Fleet.delete)
    bind = _call(Fleet.bind)
    evict = _call(Fleet.evict)
    get_scale = _call(Fleet.get_scale)
    update_scale = _call(Fleet.update_scale)
    record_revision = _call(Fleet.record_revision)
    list_revisions = _call(Fleet.list_revisions)
    history = _call(Fleet.history)
    diff_revisions = _call(Fleet.diff_revisions)
    roll_back = _call(Fleet.roll_back)
    cordon = _call(Fleet.cordon)
    watch = _stream(Fleet.watch)
    follow = _stream(Fleet.follow)


class BlockingRollouts(Blocking[Rollouts]):
    """The Rollouts behind blocking calls."""

    status = _call(Rollouts.status)
    wait = _call(Rollouts.wait)
    undo = _call(Rollouts.undo)
    restart = _call(Rollouts.restart)
    set_partition = _call(Rollouts.set_partition)
    watch = _stream(Rollouts.watch)


class BlockingConnection(Blocking[Connection]):
    """A fleet's objects and its rollouts, over one channel. Leaving it as a context closes that."""

    def __init__(self, open_connection: Callable[[], Coroutine[Any, Any, Connection]]) -> None:
        super().__init__(open_connection)
        self.fleet = BlockingFleet(self._fleet, self._thread)
        self.rollouts = BlockingRollouts(self._rollouts, self._thread)

    async def _fleet(self) -> Fleet:
        return self._client.fleet

    async def _rollouts(self) -> Rollouts:
        return self._client.rollouts


def connect_blocking(
    target: str, certificates: str | Path, user: str = "admin", **options: Any
) -> BlockingConnection:
    """Connect as `connect` does, with the same options, for a program without an event loop."""

    async def open_connection() -> Connection:
        return connect(target, certificates, user, **options)

    return BlockingConnection(open_connection)
