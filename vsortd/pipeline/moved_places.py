"""A library that moved: the journal, the index and what was learned follow it together."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from vsortd.core.paths import index_path
from vsortd.filing.moved_library import follow_library, former_places
from vsortd.index.relocate import rebase
from vsortd.judging.example_store import ExampleStore, examples_path

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.filing.journal import Journal


def follow_everywhere(
    journal: Journal, state_folder: Path, library: Path, examples: ExampleStore | None = None
) -> list[str]:
    """Let everything that is kept of a library follow it to where it lies now; returns what is to be told.

    Done again after a kill, it does what is left. `examples` is the store where it is open. Raises StoreError,
    FilingError.
    """
    said = follow_library(journal, library)
    former = former_places(journal, library)
    for before in former:
        rebase(index_path(state_folder), before, library)
    with contextlib.ExitStack() as opened:
        if examples is None and said and examples_path(state_folder).exists():
            examples = opened.enter_context(ExampleStore(examples_path(state_folder)))
        if examples is not None:
            for before in former:
                examples.rebase(before, library)
    return said
