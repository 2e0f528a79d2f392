"""The index follows what was put somewhere, and costs no filing what it can't be told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.core.identity import Identity
from vsortd.errors import BrokenError
from vsortd.pipeline.note_placed import note_placed

if TYPE_CHECKING:
    from pathlib import Path

BEFORE = Identity(1, 2, 3, 4)


class Told:
    """An index and a decoder that note what is asked of them."""

    def __init__(self, error: Exception | None = None) -> None:
        self.said: list[tuple[Any, ...]] = []
        self.services: Any = SimpleNamespace(index=self, media=self)
        self._error = error

    def moved(self, before: Identity, after: Identity, path: Path, *, converted: bool) -> None:
        self.said.append(("moved", before, after, path, converted))

    def keep_clip(self, identity: Identity, path: Path, clip: str) -> None:
        self.said.append(("clip", identity, path, clip))

    def probe(self, _path: Path) -> str:
        if self._error is not None:
            raise self._error
        return "facts"


def test_of_what_was_converted_the_facts_are_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x")
    now = Identity.of(path)
    plain, converted = Told(), Told()
    note_placed(plain.services, BEFORE, path)
    assert [("moved", BEFORE, now, path, False)] == plain.said
    note_placed(converted.services, BEFORE, path, converted=True)
    assert [("moved", BEFORE, now, path, True), ("clip", now, path, "facts")] == converted.said


@pytest.mark.parametrize("error", [BrokenError("no moov"), OSError("the disk is gone")])
def test_what_can_not_be_read_costs_nothing_but_its_facts(tmp_path: Path, error: Exception) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x")
    told = Told(error)
    note_placed(told.services, BEFORE, path, converted=True)
    assert ["moved"] == [one[0] for one in told.said]


def test_of_what_was_put_nowhere_or_went_away_nothing_is_told(tmp_path: Path) -> None:
    told = Told()
    note_placed(told.services, BEFORE, None)
    note_placed(told.services, BEFORE, tmp_path / "gone.mp4")
    assert [] == told.said
