"""Channels to gRPC servers on sockets, with the limits and the keep-alive that our servers expect."""

from __future__ import annotations

from typing import Any

import grpc
import grpc.aio

from statefleet.rpc.carrying import CarryingChannel
from statefleet.rpc.limits import MAX_MESSAGE_BYTES, MAX_METADATA_BYTES
from statefleet.rpc.tls import ClientTls

_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.keepalive_time_ms", 5_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 3_000),
    ("grpc.enable_retries", 0),  # the typed client retries, with one request id
]


def connect(target: str, *, tls: ClientTls | None = None, carried: bool = True) -> grpc.aio.Channel:
    """Return a channel to `host:port` or `unix:path`; without `tls` in the clear.

    Its unary calls share the messages of a stream, unless not `carried`.
    """
    credentials = None if tls is None else tls.credentials()
    options = list(_OPTIONS)
    if tls is not None and tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))

    if credentials is None:
        channel = grpc.aio.insecure_channel(target, options=options)
    else:
        channel = grpc.aio.secure_channel(target, credentials, options=options)
    return CarryingChannel(channel) if carried else channel
