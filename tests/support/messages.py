"""Canonical messages of every kind, generated from the descriptors."""

from __future__ import annotations

from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

from statefleet.api.meta.v1.primitives_pb2 import FieldsV1, IntOrString, MicroTime, Quantity, RawExtension, Time
from statefleet.objects import quantity, schema
from statefleet.objects.schema import Emission, Field, Shape

FIELDS_AT_MOST = 4
"""How many fields of a message are set: more would only make generating slow."""

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SECONDS = st.integers(-62135596800 + 1, 253402300799)
QUANTITIES = st.builds(
    lambda number, suffix: quantity.canonical(f"{number}{suffix}"),
    st.decimals(-(10**6), 10**9, places=3),
    st.sampled_from(["", "n", "m", "k", "M", "G", "Ki", "Mi", "Gi", "e3", "e-3"]),
)
JSON = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
RAW = JSON.map(orjson.dumps).map(lambda raw: raw.replace(b"<", b"").replace(b">", b"").replace(b"&", b""))
SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=8),
    FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_STRING: TEXT,
}
LEAVES: dict[Descriptor, st.SearchStrategy[Any]] = {
    FieldsV1.DESCRIPTOR: st.builds(FieldsV1, raw=RAW),
    IntOrString.DESCRIPTOR: st.builds(IntOrString, int_val=st.integers(1, 2**31 - 1))
    | st.builds(IntOrString, type=st.just(1), str_val=TEXT.filter(bool)),
    MicroTime.DESCRIPTOR: st.builds(
        MicroTime, seconds=SECONDS, nanos=st.integers(0, 999_999).map(lambda micros: micros * 1000)
    ),
    Quantity.DESCRIPTOR: st.builds(Quantity, string=QUANTITIES),
    RawExtension.DESCRIPTOR: st.builds(RawExtension, raw=RAW),
    Time.DESCRIPTOR: st.builds(Time, seconds=SECONDS),
}


@st.composite
def messages(draw: st.DrawFn, descriptor: Descriptor) -> Message:
    """Return a canonical message: one that decoding its JSON gives."""
    message = schema.message_class(descriptor)()
    chosen = draw(st.lists(st.sampled_from(schema.fields(descriptor)), max_size=FIELDS_AT_MOST, unique=True))
    for field in chosen:
        _set(draw, message, field)
    return message


def _set(draw: st.DrawFn, message: Any, field: Field) -> None:
    if field.shape is Shape.MAP:
        target = getattr(message, field.name)
        for key, value in draw(st.dictionaries(TEXT, _values(field), max_size=3)).items():
            if field.message is None:
                target[key] = value
            else:
                target[key].CopyFrom(value)
    elif field.shape is Shape.LIST:
        getattr(message, field.name).extend(draw(st.lists(_values(field), max_size=2)))
    elif field.message is None:
        value = draw(_values(field))
        if value or field.emission is Emission.IF_SET:
            setattr(message, field.name, value)
    else:
        value = draw(_values(field))
        if _counts(field, value):
            getattr(message, field.name).CopyFrom(value)


def _values(field: Field) -> st.SearchStrategy[Any]:
    if field.message is None:
        return SCALARS[field.value.type]
    return LEAVES[field.message] if field.message in LEAVES else messages(field.message)


def _counts(field: Field, value: Any) -> bool:
    """Return whether a message is not what its field's absence stands for."""
    if field.emission in (Emission.ALWAYS, Emission.INLINE):
        return bool(value.ListFields()) and value != Quantity(string="0")
    return True
