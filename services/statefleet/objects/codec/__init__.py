"""Turn messages into Kubernetes' JSON and back. Pure: no I/O, clock or randomness.

The rules of each field stand in meta/v1/options.proto. What encodes or decodes a message type is made from its
descriptor when the type is first met.

Decoding gives the canonical message: a scalar that JSON leaves out when zero is unset when zero, a message that JSON
always has is unset when empty, quantities are canonical, null is absent. So two documents that mean the same become
equal messages.
"""

from __future__ import annotations

from statefleet.objects.codec.decoding import decode
from statefleet.objects.codec.encoding import encode
from statefleet.objects.codec.text import encode_bytes
from statefleet.objects.codec.values import compact_json

__all__ = ["compact_json", "decode", "encode", "encode_bytes"]
