"""XMP sidecars that a person moves within the library with their video, or writes into by then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.learning.test_moves import world  # noqa: F401 - a fixture
from tests.support.sidecars import THEIRS
from vsortd.config.place_options import Place
from vsortd.filing.undo import Selection, undo

if TYPE_CHECKING:
    from tests.learning.test_moves import World


@pytest.mark.parametrize("edited", [False, True])
def test_a_moved_sidecar_stays_as_it_is_and_undo_finds_it(world: World, *, edited: bool) -> None:  # noqa: F811
    former = world.folder / "in" / "a.mp4.xmp"
    former.parent.mkdir(exist_ok=True)
    former.write_bytes(THEIRS)
    item = world.file("a.mp4", "forest", sidecars=(former,), place=Place(xmp=True))
    moved = world.move(item, "sea", name="other.mp4")
    sidecar = (world.library / "forest" / "a.mp4.xmp").rename(moved.with_name("other.mp4.xmp"))
    if edited:
        sidecar.write_bytes(b"theirs")
    data = sidecar.read_bytes()
    world.scan()
    assert data == sidecar.read_bytes()
    assert "sea" == world.now(item).rule
    report = undo(world.journal, Selection(ids=(item.id,)))
    assert ([], []) == (report.refused, report.missing[item.id])
    assert THEIRS == former.read_bytes()
    assert {"a.mp4", "a.mp4.xmp"} == {path.name for path in former.parent.iterdir()}
    assert edited == sidecar.exists()  # an edited one is not known as ours any more: it stays where it was put
