"""Let through to a server's methods only what is for its caller; in process and over sockets alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import grpc
import grpc.aio

from statefleet.authorization.agents import NOT_OWN, Agents, Filter, Placements
from statefleet.authorization.attributes import forbidden
from statefleet.authorization.nodes import nodes_of
from statefleet.authorization.requests import Reading, reading_of
from statefleet.authorization.roles import Decision, permissions_of
from statefleet.errors import Forbidden
from statefleet.rpc.handlers import Wrapped, respond
from statefleet.rpc.identity import CALLED_FOR, caller


class Authorization(grpc.aio.ServerInterceptor):
    """Refuses what is not for its caller with Forbidden. Stands behind the CallInterceptor, which knows who calls."""

    def __init__(self, placements: Placements | None = None) -> None:
        self._agents = Agents(placements)
        self._wrapped = Wrapped(self._wrap)

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """Return the handler, wrapped where not everybody may call it."""
        return self._wrapped.of(handler_call_details.method, await continuation(handler_call_details))

    def _wrap(self, method: str, handler: Any) -> Any:
        try:
            reading = reading_of(method)
        except KeyError:
            reading = _unknown
        if reading is None:
            return handler
        name = method.rpartition("/")[2]

        async def unary(request: Any, context: Any) -> Any:
            await self._admit(name, reading, request, context)
            return await handler.unary_unary(request, context)

        async def stream(request: Any, context: Any) -> None:
            shown = await self._admit(name, reading, request, context)
            answers = handler.unary_stream(request, context)
            await respond(answers if shown is None else _filtered(answers, shown), context)

        if handler.request_streaming:
            return _refusing(handler)
        if handler.response_streaming:
            make, wrapper = grpc.unary_stream_rpc_method_handler, stream
        else:
            make, wrapper = grpc.unary_unary_rpc_method_handler, unary
        return make(wrapper, handler.request_deserializer, handler.response_serializer)

    async def _admit(self, name: str, reading: Reading, request: Any, context: Any) -> Filter | None:
        """Return how answers are to be filtered, if at all. Forbidden."""
        identity = CALLED_FOR.get() or caller(context)
        permissions = permissions_of(identity)
        if permissions.everything:
            return None
        own = None
        for asked in reading(request):
            decision = permissions.decide(asked)
            if decision is Decision.DENIED:
                raise forbidden(identity, asked)
            if decision is Decision.OWN:
                own = asked
        if own is None:
            return None
        verdict = await self._agents.judge(nodes_of(identity), name, request)
        if not verdict.allowed:
            raise forbidden(identity, own, NOT_OWN)
        return verdict.shown


async def _filtered(answers: Any, shown: Filter) -> AsyncIterator[Any]:
    async with aclosing(answers):
        async for answer in answers:
            yield shown(answer)


def _unknown(_: Any) -> Any:
    raise Forbidden("only administrators may call a method of which it is not said who else may")


def _refusing(handler: Any) -> Any:
    """Return a handler for a method with a stream of requests, which no service has: nothing says who may call it."""

    async def refuse(_: Any, __: Any) -> None:
        _unknown(None)

    streams = handler.response_streaming
    make = grpc.stream_stream_rpc_method_handler if streams else grpc.stream_unary_rpc_method_handler
    return make(refuse, handler.request_deserializer, handler.response_serializer)
