"""Whether the library holds the same bytes already: asked of the files themselves, never of size and time alone."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vsortd.config.choices import OnDuplicate
from vsortd.core.outcomes import ConversionKind
from vsortd.filing import queries
from vsortd.filing.file_bytes import same_bytes
from vsortd.filing.records import Item, OperationKind, OperationState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from vsortd.core.identity import Identity
    from vsortd.filing.journal import Journal


def policy_of(option: object) -> tuple[OnDuplicate, str]:
    """Read the config's `on_duplicate`: the policy, and the folder's name for TO."""
    folder = getattr(option, "to", None)
    return (OnDuplicate(str(option)), "") if folder is None else (OnDuplicate.TO, str(folder))


def find_identical_file(
    journal: Journal, source: Path, identity: Identity, wanted: Iterable[Path], cancel: threading.Event | None
) -> Path | None:
    """Return a file with the bytes of `source`: one of `wanted`, or one the journal filed; None if there is none.

    Only files of equal size are read, to their first difference. Raises FilingError, Cancelled.
    """
    for path in (*wanted, *_filed_with_size(journal, identity.size_bytes)):
        try:
            there = path.stat(follow_symlinks=False).st_size == identity.size_bytes
        except OSError:  # no such file, or none that we may see: not one to compare with
            continue
        if there and path != source and same_bytes(source, path, cancel):
            return path
    return None


def _filed_with_size(journal: Journal, size_bytes: int) -> Iterator[Path]:
    for item in queries.placed_with_size(journal.db, size_bytes):
        path = _whereabouts(journal, item)
        if path is not None:
            yield path


def _whereabouts(journal: Journal, item: Item) -> Path | None:
    """Return where the bytes that came lie now: of a converted video, its kept original."""
    if item.converted is ConversionKind.NONE:
        return item.destination
    for one in journal.operations(item.id):
        if one.kind is OperationKind.KEEP and one.state is OperationState.DONE:
            return one.destination
    return None


class DuplicateGate:
    """Lets one video of a size at a time look for duplicates and be filed: identical files don't miss each other."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside: set[int] = set()

    @contextmanager
    def enter(self, size_bytes: int, policy: OnDuplicate) -> Iterator[None]:
        """Wait until no other video of this size is inside; no waiting where duplicates make no difference."""
        if policy is OnDuplicate.KEEP_BOTH:
            yield
            return
        with self._changed:
            self._changed.wait_for(lambda: size_bytes not in self._inside)
            self._inside.add(size_bytes)
        try:
            yield
        finally:
            with self._changed:
                self._inside.discard(size_bytes)
                self._changed.notify_all()
