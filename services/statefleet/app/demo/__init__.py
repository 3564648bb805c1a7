"""`statefleet demo`: a story played by kubectl on simulated nodes, told as it happens."""

from __future__ import annotations

from statefleet.app.demo.play import run_demo

__all__ = ["run_demo"]
