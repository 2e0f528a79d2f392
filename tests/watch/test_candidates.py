"""Which names can be videos."""

from __future__ import annotations

import os
import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsortd.watch.candidates import NameRules, is_private

RULES = NameRules(("mp4", "mov"))


@pytest.mark.parametrize(
    "name", ["Film.mp4", "FILM.MOV", "a b.Mp4", "-y.mp4", "concat:a.mp4", "a\nb.mp4", "trip.part1.mp4"]
)
def test_videos_are_taken_in_any_case(name: str) -> None:
    assert RULES.takes_path(name)


@pytest.mark.parametrize(
    "name",
    [
        "Film.mp4.part", "Film.mp4.crdownload", "Film.mp4.download", "Film.mp4.tmp", "Film.partial",
        "Film.mp4.filepart", "Film.mp4.opdownload", "Film.mp4.!ut", "Film.mp4.aria2", "Film.temp.mp4", "Film.PART.mp4",
        "~Film.mp4", "~$Film.mp4", "._Film.mp4", ".Film.mp4.Xq3b2a", ".hidden.mp4", ".DS_Store", "Thumbs.db", ".mp4",
        "mp4", "Film", "Film.", "Film.m4v", "Film.mp4.txt", ".syncthing.Film.mp4.tmp", "~syncthing~Film.mp4.tmp",
    ],
)  # fmt: skip
def test_hidden_partial_and_other_names_are_not(name: str) -> None:
    assert not RULES.takes_path(name)


@pytest.mark.parametrize(
    "folder",
    ["@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information", ".stfolder", ".stversions", ".Trash-1000",
     "lost+found", ".vsortd", ".vsortd-staging", "__MACOSX", "Film.mp4.download"],
)  # fmt: skip
def test_system_folders_are_not_entered(folder: str) -> None:
    assert is_private(folder)
    assert not RULES.takes_path(f"{folder}/Film.mp4")
    assert not RULES.takes_path(f"a/{folder}/b/Film.mp4")


def test_other_extensions_count_only_when_configured() -> None:
    assert not RULES.takes_path("Film.m4v")
    assert NameRules(("m4v",)).takes_path("Film.M4V")
    assert not NameRules(("m4v",)).takes_path("Film.mp4")
    assert NameRules((".MP4",)).takes_path("Film.mp4")


@pytest.mark.parametrize("pattern", ["raw*", "*.raw.mp4", "sub/*.mp4", "sub", "sub/", "./sub", "s?b", "[st]ub"])
def test_patterns_apply_to_names_and_to_paths(pattern: str) -> None:
    rules = NameRules(("mp4",), (pattern,))
    assert not rules.takes_path("sub/raw.raw.mp4")
    assert rules.takes_path("other/Film.mp4")


def test_empty_patterns_ignore_nothing() -> None:
    assert NameRules(("mp4",), ("", "/", "./")).takes_path("Film.mp4")


def test_names_that_are_no_utf8_are_names() -> None:
    name = os.fsdecode(b"caf\xe9.MP4")
    assert RULES.takes_path(name)
    assert not NameRules(("mp4",), ("caf*",)).takes_path(name)


@given(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=40))
def test_the_path_test_agrees_with_the_scan_folder_by_folder(name: str) -> None:
    rules = NameRules(("mp4",), ("*x*",))
    by_folder = rules.enters_folder(name, name) and rules.takes_file("Film.mp4", f"{name}/Film.mp4")
    assert by_folder == rules.takes_path(f"{name}/Film.mp4")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("pattern", ["Übung*", "*/Übung", "[ÄÖÜ]bung.mp4", "?bung.mp4", "ordner-ü"])
def test_patterns_apply_whatever_the_form_of_names_and_patterns(pattern: str, form: Literal["NFC", "NFD"]) -> None:
    rules = NameRules(("mp4",), (unicodedata.normalize(form, pattern),))
    for other in ("NFC", "NFD"):
        assert not rules.takes_path(unicodedata.normalize(other, "ordner-ü/Übung/Übung.mp4"))  # type: ignore[arg-type]
        assert rules.takes_path(unicodedata.normalize(other, "anders/Uebung.mp4"))  # type: ignore[arg-type]
