"""Structured logs: one line an event, JSON for machines or text for a terminal.

What a line is given is shown, but for objects and for what is named as a secret is: variables of a traceback never.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any, TextIO

import structlog
from google.protobuf.message import Message
from structlog.tracebacks import ExceptionDictTransformer

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The request being served; every log line of its handler carries it."""

HIDDEN = "(hidden)"
_SECRET_NAMES = frozenset(
    {"authorization", "body", "credentials", "data", "password", "payload", "private_key", "secret", "token"}
)
_debugging = True

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("json", "console")


def configure(*, level: str = "info", form: str = "json", stream: TextIO | None = None) -> None:
    """Set where and how the process logs, libraries included. ValueError for an unknown level or format."""
    if level not in LEVELS:
        raise ValueError(f"unknown log level {level!r}: one of {', '.join(LEVELS)}")
    if form not in FORMATS:
        raise ValueError(f"unknown log format {form!r}: one of {', '.join(FORMATS)}")
    global _debugging  # noqa: PLW0603 -- structlog's own configuration is the process's too
    _debugging = level == "debug"
    stream = sys.stderr if stream is None else stream
    shared: list[structlog.typing.Processor] = [
        _with_request_id,
        without_secrets,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    threshold = getattr(logging, level.upper())
    structlog.configure(
        processors=[*shared, *_rendering(form, stream)],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    _route_libraries(shared, form, stream, threshold)


def debugging() -> bool:
    """Return whether lines of level debug are written; cheaper than to make one for nothing."""
    return _debugging


def without_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide what is named as a secret is, and show of an object only what kind of message it is and its name."""
    for key, value in event.items():
        if key.lower() in _SECRET_NAMES:
            event[key] = HIDDEN
        elif isinstance(value, Message):
            name = getattr(getattr(value, "metadata", None), "name", "")
            event[key] = f"{value.DESCRIPTOR.name} {name}".rstrip()
        elif isinstance(value, (bytes, bytearray, memoryview)):
            event[key] = f"{len(value)} bytes"
    return event


def _rendering(form: str, stream: TextIO) -> list[structlog.typing.Processor]:
    if form == "console":
        readable = structlog.dev.RichTracebackFormatter(show_locals=False)
        return [structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=readable)]
    structured = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
    return [structured, structlog.processors.JSONRenderer(serializer=_dumps)]


def _route_libraries(shared: list[structlog.typing.Processor], form: str, stream: TextIO, threshold: int) -> None:
    """Send what libraries log through the standard module to the same stream in the same form."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(form, stream),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(threshold, logging.INFO))
    for noisy in ("kazoo", "aiokafka", "aiohttp.access", "asyncio"):
        logging.getLogger(noisy).setLevel(max(threshold, logging.WARNING))


def _with_request_id(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    request_id = REQUEST_ID.get()
    if request_id:
        event.setdefault("request_id", request_id)
    return event


def _dumps(event: Any, **_: Any) -> str:
    import orjson  # noqa: PLC0415 -- not needed for the console

    return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
