"""Releasing and retrying by what a person names."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.core.identity import Identity
from vsortd.core.outcomes import ItemState
from vsortd.filing.journal import Journal
from vsortd.filing.release import ReleaseVerb, release_or_retry
from vsortd.filing.undo import Selection, undo

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("7", "no held item has this id"),
        ("9" * 25, "no held item has this id"),
        ("9" * 5000, "no held item has this id"),
        ("²", "no held file has this name"),
        ("٣", "no held file has this name"),
        ("/in/a.mp4", "no held file has this name"),
    ],
    ids=["an id", "beyond 64 bits", "beyond what int() takes", "superscript", "Arabic digit", "a path"],
)
def test_a_name_that_means_nothing_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    with Journal.open(tmp_path / "journal.db") as journal:
        assert [(name, reason)] == release_or_retry(journal, ReleaseVerb.RELEASE, [name], everything=False).refused


COMPOSED, DECOMPOSED = "Übung.mp4", unicodedata.normalize("NFD", "Übung.mp4")


def undone(bench: Any, *names: str) -> list[Path]:
    """File and undo videos of these names; they are on hold then."""
    videos = [bench.drop(name) for name in names]
    with bench.filer() as (filer, journal):
        for video in videos:
            filer.place(bench.request(video))
        assert len(names) == len(undo(journal, Selection(all=True)).undone)
    return videos


@pytest.mark.parametrize(("there", "typed"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED), (COMPOSED, COMPOSED)])
def test_a_file_is_released_and_retried_in_whatever_form_it_is_named(bench: Any, there: str, typed: str) -> None:
    (video,) = undone(bench, there)
    refused = bench.drop(f"no {there}")
    with bench.filer() as (filer, journal):
        identity = Identity.of(refused)
        assert identity is not None
        filer.record(refused, identity, ItemState.FAILED, "broken")
        for verb, path, name in ((ReleaseVerb.RELEASE, video, typed), (ReleaseVerb.RETRY, refused, f"no {typed}")):
            found = release_or_retry(journal, verb, [str(bench.inbox / name)], everything=False)
            assert ([path], []) == (found.freed, found.refused)


def test_of_two_that_are_alike_the_one_of_the_very_name_is_released(bench: Any) -> None:
    _, second = undone(bench, COMPOSED, DECOMPOSED)
    with bench.journal() as journal:
        assert [second] == release_or_retry(journal, ReleaseVerb.RELEASE, [str(second)], everything=False).freed


def test_of_two_that_are_alike_none_is_guessed_at(bench: Any) -> None:
    half = "U\u0308bung e\u0301.mp4"
    undone(bench, half, "Übung e\u0301.mp4")
    typed = str(bench.inbox / "Übung é.mp4")
    with bench.journal() as journal:
        found = release_or_retry(journal, ReleaseVerb.RELEASE, [typed], everything=False)
    assert [] == found.freed
    assert [(typed, "2 held files are called so, but for how accents are kept: name one by its id")] == found.refused
