"""The client of kazoo as the suite wants it: patient, with TLS of one context, telling what it knows."""

from __future__ import annotations

import errno
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import structlog
from kazoo.client import KazooClient
from kazoo.exceptions import KazooException, WriterNotClosedException
from kazoo.handlers.threading import SequentialThreadingHandler
from kazoo.protocol.connection import ConnectionHandler

from statefleet.coordination.zookeeper_settings import ZooKeeperSettings

_log = structlog.get_logger(__name__)

_RETRY = {"max_tries": -1, "delay": 0.05, "backoff": 2, "max_jitter": 0.4, "max_delay": 1.0}
"""Where kazoo is left alone, it comes to wait an hour between attempts."""
_LEAVE_SECONDS = 2.0
"""How long the end of a session may take; the servers end it by themselves where it takes longer."""


class Kazoo(KazooClient):
    """kazoo's client, which says what was granted and when its connecting has ended for good."""

    def __init__(
        self,
        settings: ZooKeeperSettings,
        logger: logging.Logger,
        on_open: Callable[[int, float], None],
        on_end: Callable[[], None],
    ) -> None:
        super().__init__(
            hosts=settings.hosts,
            timeout=settings.session_timeout_seconds,
            handler=_Threads(settings.tls_context()),
            auth_data=[("digest", f"{settings.user}:{settings.password}")] if settings.user else None,
            connection_retry=_RETRY,
            logger=logger,
        )
        assert self._conn_retry is not None
        sasl = dict(settings.sasl) or None
        self._connection = _Connecting(self, self._conn_retry.copy(), logger=logger, sasl_options=sasl)
        self._connection.on_open, self._connection.on_end = on_open, on_end

    def leave(self) -> None:
        """End the session and the threads; blocks until they have ended, for a short while at most."""
        try:
            self.stop()
            self.close()
        except WriterNotClosedException:
            _log.warning("zookeeper session not ended in order", error="ZooKeeper does not answer")
            threading.Thread(target=self._close_later, name="zookeeper left", daemon=True).start()
        except KazooException as error:
            _log.warning("zookeeper session not ended in order", error=str(error))

    def _close_later(self) -> None:
        self._connection.connection_stopped.wait()
        self.close()


class _Threads(SequentialThreadingHandler):
    """kazoo's threads, with TLS as we want it: of one context, and no socket is left open where that fails."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        super().__init__()
        self._tls = tls

    def create_connection(
        self, address: tuple[str, int], hostname: str, timeout: float, **_: object
    ) -> socket.socket:
        """Connect, and shake hands where that is wanted. OSError."""
        try:
            plain: socket.socket = super().create_connection(address, timeout=timeout)
            return plain if self._tls is None else self._tls.wrap_socket(plain, server_hostname=hostname)
        except TimeoutError:
            raise OSError(errno.ETIMEDOUT, "no answer in time") from None


class _Connecting(ConnectionHandler):
    on_open: Callable[[int, float], None]
    on_end: Callable[[], None]

    def _connect(self, host: str, hostip: str, port: int) -> Any:
        read_milliseconds, connect_milliseconds = super()._connect(host, hostip, port)
        session, _ = self.client.client_id
        self.on_open(session, read_milliseconds * 1.5 / 1000)  # kazoo reads for two thirds of what was granted
        return read_milliseconds, connect_milliseconds

    def stop(self, timeout: float | None = None) -> bool:  # noqa: ARG002 -- kazoo's is ten seconds at least
        """Wait for the end, but not for a lookup or a connection that is being tried: nothing cuts those short."""
        return bool(self.connection_stopped.wait(_LEAVE_SECONDS) and super().stop())

    def zk_loop(self) -> None:
        try:
            super().zk_loop()
        finally:
            self.on_end()


class Reasons(logging.Handler):
    """Keeps why kazoo last failed, for our own words. Its own lines go nowhere: at debug they hold secrets."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""
        self.logger = logging.Logger("kazoo", logging.WARNING)  # noqa: LOG001 -- apart from the tree, on purpose
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record."""
        if record.exc_info:
            _log.error("zookeeper client failed", detail=record.getMessage(), exc_info=record.exc_info)
        elif record.getMessage().startswith("AUTH_FAILED"):
            self.last = "the credential is refused"
        elif not record.getMessage().startswith("Transition to"):
            dropped = record.getMessage().removeprefix("Connection dropped: ")
            self.last = dropped.removeprefix("socket connection error: ")
