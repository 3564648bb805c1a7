"""Whatever a message holds, its JSON gives it back."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from statefleet.objects import codec
from statefleet.objects.kinds import KINDS
from support.messages import messages

ANY_KIND = st.sampled_from(sorted(KINDS)).flatmap(lambda name: messages(KINDS[name].message.DESCRIPTOR))
FEW = settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@FEW
@given(ANY_KIND)
def test_message_comes_back_from_its_json(message: Any) -> None:
    assert codec.decode(type(message), codec.encode(message)) == (message, [])


@FEW
@given(ANY_KIND)
def test_message_comes_back_from_its_text(message: Any) -> None:
    assert codec.decode(type(message), orjson.loads(codec.encode_bytes(message))) == (message, [])
