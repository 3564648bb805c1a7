from __future__ import annotations

import io
import json
import logging
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from statefleet.api.core.v1.config_pb2 import Secret
from statefleet.runtime.logging import HIDDEN, REQUEST_ID, configure


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def logged(**options: Any) -> tuple[io.StringIO, Any]:
    stream = io.StringIO()
    configure(stream=stream, **options)
    return stream, structlog.get_logger("test")


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_of_json() -> None:
    stream, log = logged()
    log.info("pod created", pod="web-0", version=3)
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "pod created", "level": "info", "pod": "web-0", "version": 3}


def test_below_the_level_nothing_is_written() -> None:
    stream, log = logged(level="warning")
    log.info("quiet")
    log.warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_a_request_marks_the_lines_of_its_handler() -> None:
    stream, log = logged()
    token = REQUEST_ID.set("r-1")
    log.info("served")
    REQUEST_ID.reset(token)
    log.info("idle")
    assert [line.get("request_id") for line in lines(stream)] == ["r-1", None]


def test_an_exception_keeps_its_traceback() -> None:
    stream, log = logged()
    try:
        raise ValueError("broken")
    except ValueError as error:
        log.error("failed", exc_info=error)
    (line,) = lines(stream)
    assert line["exception"][0]["exc_type"] == "ValueError"
    assert line["exception"][0]["frames"]


def test_what_json_has_no_word_for_is_described() -> None:
    stream, log = logged()
    log.info("odd", value={1: object})
    assert "object" in lines(stream)[0]["value"]["1"]


def test_libraries_write_to_the_same_place() -> None:
    stream, _ = logged()
    logging.getLogger("library").warning("their %s", "text", extra={"host": "h"})
    logging.getLogger("kazoo.client").info("chatter")
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["logger"], line["host"]) == ("their text", "warning", "library", "h")


def test_text_for_a_terminal() -> None:
    stream, log = logged(form="console")
    log.info("pod created", pod="web-0")
    assert "pod created" in stream.getvalue()
    assert "pod=web-0" in stream.getvalue()


@pytest.mark.parametrize("options", [{"level": "loud"}, {"form": "xml"}])
def test_unknown_options(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="unknown log"):
        configure(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_secret_gets_into_a_line(form: str) -> None:
    """Neither by its name, nor within an object or bytes, nor as a variable of a function that failed."""
    stream, log = logged(level="debug", form=form)
    password = secrets.token_hex(8)
    secret = Secret(data={"password": password.encode()})
    secret.metadata.name = "web"

    def fail(value: str, held: Secret) -> None:
        raise ValueError("it failed")

    log.debug("named", token=password, Authorization=f"Bearer {password}")
    log.debug("held", secret_object=secret, wire=secret.SerializeToString())
    try:
        fail(password, secret)
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("failed too")
    text = stream.getvalue()
    assert password not in text
    assert "Secret web" in text
    assert text.count("it failed") >= 2
    assert HIDDEN in text
