"""The file that kubectl reads."""

import base64
import stat
from pathlib import Path

import yaml

from statefleet.gateway import kubeconfig


def test_the_file_is_complete_and_private(tmp_path: Path) -> None:
    credentials = kubeconfig.Credentials(b"authority", b"certificate", b"key")
    path = tmp_path / "deep" / "config"
    kubeconfig.write(path, kubeconfig.document("https://localhost:6443", credentials))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    context = next(item for item in config["contexts"] if item["name"] == config["current-context"])["context"]
    assert context["namespace"] == "default"
    cluster = next(item for item in config["clusters"] if item["name"] == context["cluster"])["cluster"]
    assert cluster["server"] == "https://localhost:6443"
    assert base64.b64decode(cluster["certificate-authority-data"]) == b"authority"
    user = next(item for item in config["users"] if item["name"] == context["user"])["user"]
    assert base64.b64decode(user["client-key-data"]) == b"key"


def test_an_old_file_is_replaced_and_made_private(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o644)
    kubeconfig.write(path, kubeconfig.document("https://a:1", kubeconfig.Credentials(b"", b"", b"")))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "https://a:1" in path.read_text(encoding="utf-8")
