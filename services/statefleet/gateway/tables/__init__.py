"""Tables: what `kubectl get` prints of a kind. Pure: no I/O, clock or randomness.

One module prints one family of kinds; `table` finds the printer by the kind. Columns and cells are those of
Kubernetes' own printers, so scripts that cut the output keep working.
"""

from __future__ import annotations

from statefleet.gateway.tables.durations import human_duration
from statefleet.gateway.tables.table import printed, table

__all__ = ["human_duration", "printed", "table"]
