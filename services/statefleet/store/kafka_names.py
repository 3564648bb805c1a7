"""Look up the names of brokers so that a lookup which takes its time holds up nobody but those who wait for it.

No lookup can be cancelled. The event loop's own wait in line for a few threads, and for all of them before it ends:
while a resolver is silent, attempts to connect would add to that line without end.
"""

from __future__ import annotations

import asyncio
import socket
import threading

from statefleet.network import parse_ip
from statefleet.runtime.threads import hand_over


class HostNames:
    """Asks for each name once at a time, however many wait."""

    def __init__(self) -> None:
        self._asked: dict[str, asyncio.Future[None]] = {}

    async def found(self, host: str) -> None:
        """Return once a name has been found. OSError where it is not known; an address is no name.

        Who is cancelled leaves the lookup to those who come next.
        """
        if parse_ip(host) is not None:
            return
        asked = self._asked.get(host)
        if asked is None:
            asked = self._asked[host] = self._ask(host)
        await asyncio.shield(asked)

    def _ask(self, host: str) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[None] = loop.create_future()

        def end(error: OSError | None) -> None:
            del self._asked[host]
            if error is None:
                answer.set_result(None)
            else:
                answer.set_exception(error)
                answer.exception()  # there may be nobody left to see it

        def look_up() -> None:
            error: OSError | None = None
            try:
                socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            except OSError as failure:
                error = failure
            except UnicodeError:
                error = OSError(f"{host!r} is no name of a host")
            hand_over(loop, end, error)

        threading.Thread(target=look_up, name=f"lookup of {host}", daemon=True).start()
        return answer
