"""A bare grpc.aio server that answers with what it was sent: what a call costs where nothing is done.

python tests/bench/echo_server.py HOST:PORT
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import grpc
import grpc.aio
import uvloop

SERVICE, METHOD = "bench.Echo", "Echo"


async def echo(request: bytes, _: Any) -> bytes:
    return request


async def serve(address: str) -> None:
    """Answer until killed."""
    server = grpc.aio.server()
    server.add_registered_method_handlers(SERVICE, {METHOD: grpc.unary_unary_rpc_method_handler(echo)})
    server.add_insecure_port(address)
    await server.start()
    print("ready: echo", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
