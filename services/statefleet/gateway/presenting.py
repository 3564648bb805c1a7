"""Put objects into the form that a client asked for: as they are, as table rows, or their metadata alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import yaml

from statefleet.client.fleet import Listing
from statefleet.gateway import tables
from statefleet.gateway.answers import JSON, Answer
from statefleet.gateway.encoding import EncodedObjects, document, encode
from statefleet.gateway.media import YAML, Accepted, Form
from statefleet.gateway.versions import ServedResource
from statefleet.objects import codec
from statefleet.runtime.clock import Clock

META_VERSION = "meta.k8s.io/v1"


class Presenter:
    """Makes the bodies of answers. Stored objects' encodings are shared between all requests."""

    def __init__(self, encoded: EncodedObjects, clock: Clock) -> None:
        self._encoded = encoded
        self._clock = clock

    def one(
        self,
        served: ServedResource,
        message: Any,
        accepted: Accepted,
        query: Mapping[str, str],
        *,
        status: int = 200,
        stored: bool = True,
        warnings: tuple[str, ...] = (),
    ) -> Answer:
        """Return the answer that holds one object; `stored` is false for the outcome of a dry run."""
        body = self.body(served, message, accepted, query, stored=stored)
        return finish(body, accepted, status, warnings)

    def body(
        self,
        served: ServedResource,
        message: Any,
        accepted: Accepted,
        query: Mapping[str, str],
        *,
        stored: bool = True,
        last: bool = False,
        columns: bool = True,
    ) -> bytes:
        """Return one object as JSON in the form asked for; `last` as EncodedObjects has it."""
        if accepted.form is Form.TABLE:
            meta = {"resourceVersion": message.metadata.resource_version}
            return orjson.dumps(self._table(served, [message], query, meta, columns=columns))
        if accepted.form is Form.METADATA:
            return orjson.dumps(partial(message))
        return self._encoded.encode(served, message, last=last) if stored else encode(served, message)

    def many(
        self, served: ServedResource, listing: Listing[Any], accepted: Accepted, query: Mapping[str, str]
    ) -> Answer:
        """Return the answer that holds a list, or a page of one."""
        if accepted.form is Form.OBJECT:
            return self.listed(served, listing, self.items(served, listing), accepted)
        meta = _list_meta(listing)
        if accepted.form is Form.TABLE:
            return finish(orjson.dumps(self._table(served, listing.items, query, meta)), accepted)
        items = b",".join([orjson.dumps(partial(item)) for item in listing.items])
        return finish(list_body("PartialObjectMetadataList", META_VERSION, meta, items), accepted)

    def items(self, served: ServedResource, listing: Listing[Any]) -> bytes:
        """Return the objects of a list as JSON, as they stand between its brackets."""
        return b",".join([self._encoded.encode(served, item) for item in listing.items])

    def listed(self, served: ServedResource, listing: Listing[Any], items: bytes, accepted: Accepted) -> Answer:
        """Return the answer that holds a list whose objects are JSON already."""
        body = list_body(f"{served.kind.name}List", served.api_version, _list_meta(listing), items)
        return finish(body, accepted)

    def _table(
        self,
        served: ServedResource,
        messages: Sequence[Any],
        query: Mapping[str, str],
        meta: dict[str, Any],
        *,
        columns: bool = True,
    ) -> dict[str, Any]:
        include = query.get("includeObject", "Metadata")
        table = tables.table(
            served.kind, messages, include_object=include, now=self._clock.now(), columns=columns, list_meta=meta
        )
        if include == "Object" and not served.is_current:
            for row, message in zip(table["rows"], messages, strict=True):
                row["object"] = document(served, message)
        return table


def finish(body: bytes, accepted: Accepted, status: int = 200, warnings: tuple[str, ...] = ()) -> Answer:
    """Return the answer with a JSON body, turned into YAML where the client asked for that."""
    if not accepted.yaml:
        return Answer(body, status, JSON, warnings)
    text = yaml.dump(orjson.loads(body), Dumper=yaml.CSafeDumper, sort_keys=False)
    return Answer(text.encode(), status, YAML, warnings)


def partial(message: Any) -> dict[str, Any]:
    """Return an object's metadata alone."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": META_VERSION,
        "metadata": codec.encode(message.metadata),
    }


def _list_meta(listing: Listing[Any]) -> dict[str, Any]:
    meta: dict[str, Any] = {"resourceVersion": listing.resource_version}
    if listing.continue_token:
        meta["continue"] = listing.continue_token
        if listing.remaining:
            meta["remainingItemCount"] = listing.remaining
    return meta


def list_body(kind: str, api_version: str, meta: dict[str, Any], items: bytes) -> bytes:
    """Return a list of objects that are JSON already, one after another with commas between."""
    head = orjson.dumps({"kind": kind, "apiVersion": api_version, "metadata": meta})
    return b'%b,"items":[%b]}' % (head[:-1], items)
