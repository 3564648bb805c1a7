"""Channels to gRPC servers on sockets, with the limits and interceptors that our servers expect."""

from __future__ import annotations

from typing import Any

import grpc
import grpc.aio

from statefleet.rpc.interceptors import client_interceptors
from statefleet.rpc.limits import MAX_MESSAGE_BYTES, MAX_METADATA_BYTES
from statefleet.rpc.tls import ClientTls

_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 3_000),
    ("grpc.enable_retries", 0),  # the typed client retries, with one request id
]


def connect(
    target: str, *, tls: ClientTls | None = None, interceptors: list[grpc.aio.ClientInterceptor] | None = None
) -> grpc.aio.Channel:
    """Return a channel to `host:port` or `unix:path`; without `tls` in the clear.

    Its stubs raise the errors of our set, and pass on the deadline and the identifier of the request being served;
    other `interceptors` replace that.
    """
    chain = client_interceptors() if interceptors is None else interceptors
    if tls is None:
        return grpc.aio.insecure_channel(target, options=_OPTIONS, interceptors=chain)
    options = list(_OPTIONS)
    if tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    return grpc.aio.secure_channel(target, tls.credentials(), options=options, interceptors=chain)
