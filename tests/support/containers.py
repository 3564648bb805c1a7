"""Servers in containers: started side by side, stopped, paused, cut off and started again one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from support import owned
from support.claimed import address_in, endpoint, free_port, release_network, remove_network

READY_SECONDS = 90.0
testcontainers_config.ryuk_disabled = True  # a container that would remove what `owned` does


class Server:
    """One server in a container, reached at `address` from the host and at `inside` from its network.

    It keeps both for its life, whatever is done to it: no peer and no client has to look it up again.
    """

    def __init__(
        self, image: str, name: str, place: int, network: Network, *, published: int, inner: int, **options: object
    ) -> None:
        """Take its place in the network, and the ports that it serves the host and the network on.

        `options` are Docker's own, such as the user.
        """
        self.name = name
        self.network = network
        self.ip = address_in(network, place)
        self.inside = f"{self.ip}:{inner}"
        self.address = f"127.0.0.1:{free_port()}"
        self._published = published
        self._options = {"labels": owned.labels(), "hostname": name, **endpoint(network, name, self.ip), **options}
        self.use(image)

    def use(self, image: str) -> None:
        """Be made from an image at the next launch, in the same place."""
        self._container = DockerContainer(image)
        self._container.with_kwargs(**self._options)
        port = int(self.address.rpartition(":")[2])
        self._container.ports[str(self._published)] = ("127.0.0.1", port)  # type: ignore[assignment] # docker takes it

    def launch(self, environment: Mapping[str, str]) -> None:
        """Make the container and start it, without waiting for what is in it."""
        self._container.with_envs(**environment).start()

    def mount(self, volume: str, path: str) -> None:
        """Have a volume be there at a path, from the launch on."""
        self._container.with_volume_mapping(volume, path, "rw")

    @property
    def container_id(self) -> str:
        return self._container.get_container_id()

    @property
    def logs(self) -> str:
        out, err = self._container.get_logs()
        return (out + err).decode(errors="replace")

    def stop(self, seconds: int = 30) -> None:
        """Have it end by itself (SIGTERM), and end it if it has not by then."""
        self._container.get_wrapped_container().stop(timeout=seconds)

    def kill(self) -> None:
        """End it at once, as a crash does; what it wrote stays."""
        self._container.get_wrapped_container().kill()

    def start(self) -> None:
        """Start it again, with what it had written, without waiting until it serves."""
        self._container.get_wrapped_container().start()

    def pause(self) -> None:
        """Have it stand still in the middle of what it does (SIGSTOP)."""
        self._container.get_wrapped_container().kill("SIGSTOP")

    def resume(self) -> None:
        """Have it go on where it stood still (SIGCONT)."""
        self._container.get_wrapped_container().kill("SIGCONT")

    def disconnect(self) -> None:
        """Cut it off from its network, through which the host reaches it too: packets vanish."""
        self.network._unwrap_network.disconnect(self.container_id)

    def connect(self) -> None:
        """Join it to its network again, as it was."""
        self.network._unwrap_network.connect(self.container_id, aliases=[self.name], ipv4_address=self.ip)

    def remove(self) -> None:
        self._container.stop()

    def release(self) -> None:
        """Leave it running for others and forget it."""
        self._container.get_docker_client().client.close()


class Cluster:
    """Servers that belong together, in a network; `address` reaches them from the host, `inside` from the network."""

    def __init__(self, servers: list[Server], network: Network, *, owns_network: bool) -> None:
        self.servers = servers
        self.network = network
        self.address = ",".join(server.address for server in servers)
        self.inside = ",".join(server.inside for server in servers)
        self._owns_network = owns_network

    def environment(self, number: int) -> Mapping[str, str]:
        """Return what tells a server, counted from 1, what it is in the cluster."""
        raise NotImplementedError

    def serving(self) -> int:
        """Return how many servers serve together at this moment."""
        raise NotImplementedError

    def start(self) -> None:
        """Start all of them side by side and wait until they serve."""
        at_once(partial(server.launch, self.environment(number)) for number, server in enumerate(self.servers, 1))
        self.until_ready()

    def until_ready(self, count: int | None = None) -> None:
        """Wait until as many as there are serve together, or as many as the test says.

        It blocks: a test with a loop of its own calls it by `asyncio.to_thread`.
        """
        wanted = len(self.servers) if count is None else count
        deadline = time.monotonic() + READY_SECONDS
        while (serving := self.serving()) != wanted:
            assert time.monotonic() < deadline, self._complaint(serving, wanted)
            time.sleep(0.1)

    def remove(self) -> None:
        """Remove the servers, and the network unless it is somebody else's."""
        at_once(server.remove for server in self.servers)
        if self._owns_network:
            remove_network(self.network)

    def release(self) -> None:
        """Leave all of it for others and forget it."""
        for server in self.servers:
            server.release()
        release_network(self.network)

    def _complaint(self, serving: int, wanted: int) -> str:
        told = "\n".join(f"--- {server.name}\n{server.logs[-3000:]}" for server in self.servers)
        return f"{serving} instead of {wanted} servers serve after {READY_SECONDS:g} s\n{told}"


def at_once(actions: Iterable[Callable[[], object]]) -> None:
    """Do all of it side by side; raises what one of them raised, after all have ended."""
    with ThreadPoolExecutor() as threads:
        running = [threads.submit(action) for action in actions]
    for done in running:
        done.result()
