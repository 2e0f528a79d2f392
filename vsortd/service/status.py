"""The status as `status --json` prints it; the daemon and the command without a daemon fill the same form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCHEMA_VERSION = 1
COUNTED = ("filed", "review", "rejected", "failed", "held")


def status_form(
    state: str,
    *,
    model: Mapping[str, str],
    counts: Mapping[str, int],
    queued: int = 0,
    working: int = 0,
    inboxes: Sequence[Mapping[str, object]] = (),
    trouble: Sequence[str] = (),
    pid: int | None = None,
    paused: Mapping[str, object] | None = None,
    library: str = "",
) -> dict[str, Any]:
    """Return the status: state is running, paused or stopped; counts are of what the journal knows now."""
    return {
        "schema_version": SCHEMA_VERSION,
        "state": state,
        "pid": pid,
        "model": {key: model.get(key, "") for key in ("name", "weights", "device", "reason")},
        "queued": queued,
        "working": working,
        "counts": {name: int(counts.get(name, 0)) for name in COUNTED},
        "inboxes": list(inboxes),
        "trouble": list(trouble),
        "paused": dict(paused) if paused is not None else {"all": False, "until": None, "inboxes": []},
        "library": library,
    }
