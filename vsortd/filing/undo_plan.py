"""What brings an item back: worked out before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsortd.core.text import storable
from vsortd.filing.undo_checks import held_once_back

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.core.documents import MissingFileDocument
    from vsortd.core.identity import Identity
    from vsortd.filing.records import Item, Operation
    from vsortd.filing.staying import StayedSource


@dataclass(frozen=True, slots=True)
class MissingFile:
    """A file that undo could not bring back: where it came from, and why not."""

    path: Path
    reason: str

    def sentence(self) -> str:
        """Say it for the history."""
        return f"{storable(self.path.name)} did not come back: {self.reason}"

    def to_json(self) -> MissingFileDocument:
        """Return it as `undo --json` prints it."""
        return {"path": storable(self.path), "reason": self.reason}


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """`operations` bring the video and its sidecars back, the video first; none where all of it stays.

    `source` is where a video is that stayed where it came from: what was made of it is removed from the library.
    """

    operations: list[Operation]
    missing: list[MissingFile]
    notes: list[str]
    source: StayedSource | None = None

    def comes_to(self) -> tuple[Path, Identity] | None:
        """Return the path and the identity that the video has afterwards; None where nothing is known to have moved."""
        if self.source is not None or not self.operations:
            return self.source
        return self.operations[0].target, self.operations[0].identity

    def hold(self, item: Item) -> tuple[Path, Identity] | None:
        """Return the path and the identity of the file that is not to be sorted from now on."""
        return self.comes_to() if held_once_back(item) else None

    def back_at(self, item: Item) -> Path:
        """Return where the video is afterwards."""
        there = self.comes_to()
        return item.source if there is None else there[0]
