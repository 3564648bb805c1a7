"""A TCP proxy that cuts, holds and watches what passes: a network with faults, between a client and a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self


class TcpProxy:
    """Passes bytes between whoever connects to `port` on loopback and a server, within its `async with` block."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._answering = asyncio.Event()
        self._asking = asyncio.Event()
        self.on_request: Callable[[bytes], object] = lambda _data: None
        """Called with what a client sent, before it is passed on."""
        self.pass_all()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def pass_all(self) -> None:
        """Let everything through from now on, also what was held."""
        self._answering.set()
        self._asking.set()

    def hold_answers(self) -> None:
        """Keep back what the server says; requests still reach it."""
        self._answering.clear()

    def hold_all(self) -> None:
        """Let nothing through either way, as a partition does: connections stay and are silent."""
        self._answering.clear()
        self._asking.clear()

    def cut(self) -> None:
        """Close every connection; what was held on them is lost. New ones are accepted."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, server_writer}
        for pump in (
            self._pump(reader, server_writer, self._asking, self.on_request),
            self._pump(server_reader, writer, self._answering, None),
        ):
            task = asyncio.ensure_future(pump)
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        passing: asyncio.Event,
        seen: Callable[[bytes], object] | None,
    ) -> None:
        try:
            while data := await reader.read(65536):
                if seen is not None:
                    self.on_request(data)
                await passing.wait()
                writer.write(data)
        except OSError:
            pass
        finally:
            writer.transport.abort()
            self._writers.discard(writer)
