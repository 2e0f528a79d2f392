"""How much of a very large index is ready for quick searches."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from vsortd.core.paths import index_path, state_folder
from vsortd.doctor.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator


def searches() -> Iterator[Finding]:
    """Tell of each model of which the index holds very many frames. Raises StoreError."""
    from vsortd.index.store import Index
    from vsortd.library.search.shards.shard_folder import readiness_of

    path = index_path(state_folder())
    if not path.exists():
        return
    with contextlib.closing(Index(path)) as index:
        found = readiness_of(index)
    for one in found:
        name = "searches" if len(found) == 1 else f"searches with {one.model}"
        remedy = "The daemon makes the others quick, in the background: vsortd run" if one.is_behind else ""
        yield Finding(name, Severity.OK, one.sentence(), remedy, searches=one.to_json())
