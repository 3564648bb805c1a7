"""Answer HTTP requests: who sends them, what they name, which verb it is, and the answer's way back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass

import structlog
from aiohttp import web
from multidict import CIMultiDict
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from statefleet.authorization.attributes import Attributes
from statefleet.client.fleet import Fleet
from statefleet.errors import FleetError, MethodNotAllowed, TooLarge
from statefleet.gateway import access, pages, resource_metrics, reviews, routes, status
from statefleet.gateway.answers import Answer, Call, Stream
from statefleet.gateway.authentication import Authenticator, impersonated
from statefleet.gateway.dispatch import Dispatch
from statefleet.gateway.encoding import EncodedObjects
from statefleet.gateway.media import negotiate
from statefleet.gateway.metrics import RequestMetrics
from statefleet.gateway.presenting import Presenter
from statefleet.gateway.resource_metrics import ResourceMetrics
from statefleet.gateway.routes import Target, resolve
from statefleet.rpc.identity import CALLED_FOR, Identity, calling_for
from statefleet.runtime.clock import Clock
from statefleet.runtime.logging import debugging
from statefleet.runtime.rand import Rand

BODY_LIMIT = 3 * 1024 * 1024
"""The longest request body that is read, in bytes."""

DRAIN_SECONDS = 2.0
"""How long a client may take to read the rest of a stream that has ended."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Course:
    """What has become known of a request so far."""

    verb: str = ""
    target: Target | None = None


class Gateway:
    """The Kubernetes API in front of a fleet's services. Stateless but for the cache of encoded objects."""

    def __init__(
        self,
        fleet: Fleet,
        *,
        clock: Clock,
        rand: Rand,
        authenticator: Authenticator,
        metrics: RequestMetrics,
        is_ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._clock = clock
        self._authenticator = authenticator
        self._metrics = metrics
        self._is_ready = is_ready
        self._dispatch = Dispatch(fleet, Presenter(EncodedObjects(), clock), rand)
        self._resource_metrics = ResourceMetrics(fleet, clock)
        self._streams: dict[asyncio.Timeout, None] = {}
        self._stopping = False

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        with calling_for(None):  # One connection may carry the requests of several users.
            return await self._handle(request)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        started = self._clock.monotonic()
        course = _Course()
        try:
            answer = await self._answer(request, course)
        except FleetError as error:
            answer = status.answer(error)
        code = 200 if isinstance(answer, Stream) else answer.status
        seconds = self._clock.monotonic() - started
        self._metrics.answered(course.verb or _known(request.method), course.target, code, seconds)
        if debugging():
            _log.debug("request", method=request.method, path=request.path_qs, code=code, milliseconds=seconds * 1e3)
        if isinstance(answer, Stream):
            return await self._send_stream(request, answer, course)
        return _response(answer, course)

    def stop(self) -> None:
        """End every watch, each after a whole line, and begin no more."""
        self._stopping = True
        for timeout in self._streams:
            timeout.reschedule(0)

    async def _answer(self, request: web.BaseRequest, course: _Course) -> Answer | Stream:
        path = request.path
        if path in pages.HEALTH:
            return pages.health(self._is_ready() and not self._stopping, path, verbose="verbose" in request.query)
        caller = self._identify(request)
        CALLED_FOR.set(caller)
        course.target = target = resolve(path)
        if target is None:
            return await self._page(request, path, caller)
        verb = self._dispatch.verb(request.method, target, request.query)
        if verb is None:
            return status.method_not_allowed(self._dispatch.allowed(target))
        course.verb = verb.name
        access.admit(caller, access.attributes(verb.name, request.method, target))
        headers = request.headers
        call = Call(
            target=target,
            query=request.query,
            accepted=negotiate(headers.get("Accept", "")),
            body=await read_body(request) if request.can_read_body else b"",
            content_type=headers.get("Content-Type", ""),
            user_agent=headers.get("User-Agent", ""),
        )
        return await verb.handle(call)

    def _identify(self, request: web.BaseRequest) -> Identity:
        certificate = request.transport.get_extra_info("peercert") if request.transport is not None else None
        headers = request.headers
        caller = self._authenticator.identify(headers.get("Authorization", ""), certificate)
        return impersonated(caller, headers.get("Impersonate-User", ""), headers.getall("Impersonate-Group", []))

    async def _page(self, request: web.BaseRequest, path: str, caller: Identity) -> Answer:
        accept = request.headers.get("Accept", "")
        if reviews.is_review(path):
            if request.method != "POST":
                return status.method_not_allowed(("POST",))
            content_type = request.headers.get("Content-Type", "")
            return reviews.review(path, await read_body(request), content_type, caller, negotiate(accept))
        measured = resource_metrics.resolve(path)
        if measured is not None:
            if request.method not in {"GET", "HEAD"}:
                return status.method_not_allowed(("GET",))
            access.admit(caller, access.measuring(measured))
            return await self._resource_metrics.answer(measured, request.query, negotiate(accept))
        access.admit(caller, Attributes(request.method.lower(), path=path))
        if path == "/metrics":
            return Answer(self._metrics.page(), content_type=CONTENT_TYPE_LATEST)
        refusal = routes.refusal(path)
        if refusal is not None:
            raise MethodNotAllowed(refusal)
        answer = pages.page(path, accept)
        if answer is None:
            return status.page_not_found()
        return answer if request.method in {"GET", "HEAD"} else status.method_not_allowed(("GET",))

    async def _send_stream(self, request: web.BaseRequest, stream: Stream, course: _Course) -> web.StreamResponse:
        assert course.target is not None
        gauge = self._metrics.watching(course.target)
        response = web.StreamResponse(headers=_headers(stream.warnings, course))
        response.content_type = stream.content_type
        response.enable_chunked_encoding()
        with suppress(ConnectionError):
            await response.prepare(request)
            with suppress(TimeoutError), gauge.track_inprogress():
                await self._copy(stream, request, response)
            await _finish(request, response)
        return response

    async def _copy(self, stream: Stream, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Send chunks as they come until there are no more. TimeoutError when the stream's time is over."""
        async with asyncio.timeout(0 if self._stopping else stream.seconds) as timeout:
            self._streams[timeout] = None
            try:
                async with aclosing(stream.chunks) as chunks:
                    async for chunk in chunks:
                        await _send(request, response, chunk)
            finally:
                del self._streams[timeout]


async def _send(request: web.BaseRequest, response: web.StreamResponse, chunk: bytes) -> None:
    """Send a chunk. A client that has not taken it when the stream's time is over is cut off."""
    try:
        await response.write(chunk)
    except asyncio.CancelledError:
        _cut_off(request)
        raise


async def _finish(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """End a stream. A client that does not take what is left of it is cut off."""
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            await response.write_eof()
    except TimeoutError:
        _cut_off(request)


def _cut_off(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


async def read_body(request: web.BaseRequest) -> bytes:
    """Return a request's body. TooLarge where it is longer than BODY_LIMIT."""
    if (request.content_length or 0) > BODY_LIMIT:
        raise _too_large()
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    chunks, size = [], 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if size > BODY_LIMIT:
            raise _too_large()
        chunks.append(chunk)
    return b"".join(chunks)


def _known(method: str) -> str:
    """Return an HTTP method for a metric's label: one word for all that nobody has heard of."""
    return method if method in METHODS else "other"


def _too_large() -> TooLarge:
    return TooLarge(f"Request entity too large: limit is {BODY_LIMIT}")


def _response(answer: Answer, course: _Course) -> web.Response:
    headers = _headers(answer.warnings, course)
    headers["Content-Type"] = answer.content_type
    if answer.headers:
        headers.update(answer.headers)
    return web.Response(body=answer.body, status=answer.status, headers=headers)


def _headers(warnings: tuple[str, ...], course: _Course) -> CIMultiDict[str]:
    headers: CIMultiDict[str] = CIMultiDict({"Cache-Control": "no-cache, private"})
    if course.target is not None and course.target.served.deprecation:
        headers.add("Warning", _warning(course.target.served.deprecation))
    for text in warnings:
        headers.add("Warning", _warning(text))
    return headers


def _warning(text: str) -> str:
    quoted = " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')
    return f'299 - "{quoted}"'
