"""The limits of every connection, on a socket and in process alike."""

from __future__ import annotations

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""What a message may have: an object is at most 1.5 MiB, a request 3 MiB."""

MAX_METADATA_BYTES = 256 * 1024
"""What metadata may have: a status tells all causes for which an object is invalid."""
