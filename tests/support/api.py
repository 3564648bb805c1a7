"""The Kubernetes API as a program calls it: JSON over HTTPS with a client certificate."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import yaml

from support.processes import PATIENCE_SECONDS

Json = dict[str, Any]
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
PODS = "/api/v1/namespaces/default/pods"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
SETS = "/apis/apps/v1/namespaces/default/statefulsets"

LOST = (aiohttp.ClientError, OSError, asyncio.TimeoutError)
"""What a call raises when its server goes away."""


class Answer(NamedTuple):
    """A status code and a document."""

    code: int
    body: Json


class Event(NamedTuple):
    """One event of a watch."""

    type: str
    object: Json

    @property
    def version(self) -> str:
        return str(self.object["metadata"]["resourceVersion"])


class Api:
    """Calls the server that a kubeconfig names at the time of the call."""

    def __init__(self, kubeconfig: Path, session: aiohttp.ClientSession) -> None:
        self._kubeconfig = kubeconfig
        self._session = session

    @property
    def url(self) -> str:
        return str(_read(self._kubeconfig)["clusters"][0]["cluster"]["server"])

    async def call(
        self, method: str, path: str, body: Json | None = None, content_type: str = "application/json"
    ) -> Answer:
        """Make a request once. Raises one of LOST."""
        content = None if body is None else json.dumps(body)
        headers = {"Content-Type": content_type}
        async with self._session.request(method, self.url + path, data=content, headers=headers) as response:
            return Answer(response.status, await response.json())

    async def fetch(self, path: str) -> bytes:
        """Return an answer unread, for what measures."""
        async with self._session.get(self.url + path) as response:
            assert response.status == 200, await response.text()
            return await response.read()

    async def get(self, path: str) -> Json:
        code, body = await self.call("GET", path)
        assert code == 200, body
        return body

    async def persist(self, method: str, path: str, body: Json, content_type: str = "application/json") -> Answer:
        """Make a request again and again until it is answered by other than a failure of the server."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    answer = await self.call(method, path, body, content_type)
                except LOST:
                    answer = Answer(503, {})
                if answer.code < 500 and answer.code != 429:
                    return answer
                await asyncio.sleep(0.02)

    async def watch(self, path: str, version: str) -> AsyncGenerator[Event, None]:
        """Yield the events after a version until the stream ends. Raises one of LOST."""
        query = f"?watch=true&resourceVersion={version}&allowWatchBookmarks=true"
        async with self._session.get(self.url + path + query) as response:
            assert response.status == 200, await response.text()
            async for line in response.content:
                event = json.loads(line)
                yield Event(event["type"], event["object"])

    async def follow(self, path: str, version: str) -> AsyncGenerator[Event, None]:
        """Yield the events after a version for ever: where a stream breaks, go on after the last event."""
        while True:
            try:
                async for event in self.watch(path, version):
                    if event.type == "ERROR":
                        assert event.object["code"] == 503, event.object
                        break
                    version = event.version
                    yield event
            except LOST:
                pass
            await asyncio.sleep(0.02)


@asynccontextmanager
async def calling(kubeconfig: Path) -> AsyncIterator[Api]:
    """Call the API with the certificate of a kubeconfig as long as the block lasts."""
    connector = aiohttp.TCPConnector(limit=0, ssl=_tls(kubeconfig))
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, read_bufsize=2**20) as session:
        yield Api(kubeconfig, session)


def _read(kubeconfig: Path) -> Json:
    found: Json = yaml.load(kubeconfig.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return found


def _tls(kubeconfig: Path) -> ssl.SSLContext:
    config = _read(kubeconfig)
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    pair = kubeconfig.with_name("client.pem")
    pair.write_bytes(b"".join(base64.b64decode(user[f"client-{part}-data"]) for part in ("certificate", "key")))
    context.load_cert_chain(pair)
    return context
