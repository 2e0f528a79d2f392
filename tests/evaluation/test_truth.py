"""What a labelled folder says, and what is no label."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import pytest

from vsortd.config.place_options import Place
from vsortd.errors import UsageError
from vsortd.evaluation.truth import read_truth

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.evaluation.conftest import World
    from vsortd.config.rules import Rule
    from vsortd.evaluation.truth import Case


def put(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"film")
    return folder


def read(folder: Path, world: World) -> list[Case]:
    return read_truth(folder, world.tree, place=Place(), extensions=["mov", "mp4"])


def test_folders_named_like_rules_are_the_truth_at_any_depth(tmp_path: Path, world: World) -> None:
    put(tmp_path, "nature/forest/a.mp4", "nature/b.MOV", "town/c.mp4", "_none/d.mp4", "_Review/old/e.mp4")
    put(tmp_path, "town/notes.txt", "town/.hidden.mp4", ".vsortd/originals/x.mp4", "town/half.mp4.part", "plans/x.txt")
    found = {case.path.relative_to(tmp_path).as_posix(): case.truth for case in read(tmp_path, world)}
    assert {
        "nature/forest/a.mp4": ("nature", "forest"),
        "nature/b.MOV": ("nature",),
        "town/c.mp4": ("town",),
        "_none/d.mp4": (),
        "_Review/old/e.mp4": (),
    } == found


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("natur/a.mp4", r"'natur' \(did you mean nature\?\)"),
        ("nature/forrest/a.mp4", r"'nature/forrest' \(did you mean nature/forest\?\)"),
        ("sea/a.mp4", r"'sea' \(did you mean nature/sea\?\)"),
        ("qqq/a.mp4", r"'qqq'\."),
        ("town/_none/a.mp4", "'town/_none'"),
    ],
)
def test_a_folder_that_is_no_rule_is_named_with_the_nearest(tmp_path: Path, world: World, name: str, said: str) -> None:
    put(tmp_path, "town/c.mp4", name)
    with pytest.raises(UsageError, match=said) as caught:
        read(tmp_path, world)
    assert "Nothing was done" in caught.value.remedy


def test_videos_beside_the_rules_have_no_label(tmp_path: Path, world: World) -> None:
    put(tmp_path, "town/c.mp4", "stray.mp4")
    with pytest.raises(UsageError, match=r"stray\.mp4 lies in .* itself"):
        read(tmp_path, world)


def test_no_folder_and_no_videos_are_usage_errors(tmp_path: Path, world: World) -> None:
    with pytest.raises(UsageError, match="There is no folder"):
        read(tmp_path / "nowhere", world)
    put(tmp_path, "town/notes.txt")
    with pytest.raises(UsageError, match="There is no video"):
        read(tmp_path, world)


def test_accents_match_however_the_filesystem_spells_them(
    tmp_path: Path, make_world: type[World], make_rule: Callable[..., Rule]
) -> None:
    world = make_world.of(make_rule("caf\N{LATIN SMALL LETTER E WITH ACUTE}"))
    put(tmp_path, "cafe\N{COMBINING ACUTE ACCENT}/a.mp4")
    (case,) = read(tmp_path, world)
    assert ("caf\N{LATIN SMALL LETTER E WITH ACUTE}",) == case.truth


def test_a_review_folder_in_another_form_means_none_of_these(tmp_path: Path, world: World) -> None:
    review = "Prüfen"
    put(tmp_path, f"{unicodedata.normalize('NFD', review)}/a.mp4")
    (case,) = read_truth(tmp_path, world.tree, place=Place(review=review), extensions=["mp4"])
    assert () == case.truth
