"""A disk of a few megabytes that a test can fill: in memory, and there as long as the test wants it."""

from __future__ import annotations

from docker.client import from_env

from support import owned

_FILLER = "/disk/filler"


class SmallDisk:
    """A volume. A container of its own holds it, so that what is on it outlives the one that uses it."""

    def __init__(self, name: str, megabytes: int, image: str, user: int) -> None:
        """Make it; `user` is who owns what is on it."""
        self._client = from_env()
        options = {"type": "tmpfs", "device": "tmpfs", "o": f"size={megabytes}m,uid={user}"}
        self._volume = self._client.volumes.create(driver_opts=options, labels=owned.labels())
        self._holder = self._client.containers.run(
            image,
            ["infinity"],
            entrypoint=["sleep"],
            name=f"{name}-{self._volume.name[:8]}",
            labels=owned.labels(),
            volumes={self._volume.name: {"bind": "/disk", "mode": "rw"}},
            user="root",
            detach=True,
        )

    @property
    def volume(self) -> str:
        """The volume's name."""
        return str(self._volume.name)

    def fill(self) -> None:
        """Leave no room on it."""
        done = self._holder.exec_run(["dd", "if=/dev/zero", f"of={_FILLER}", "bs=64k"])
        assert b"No space left" in done.output, done.output

    def make_room(self) -> None:
        """Take away what filled it."""
        done = self._holder.exec_run(["rm", _FILLER])
        assert done.exit_code == 0, done.output

    def remove(self) -> None:
        """Remove it, after whoever used it."""
        self._holder.remove(force=True)
        self._volume.remove()
        self._client.close()
