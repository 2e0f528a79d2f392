"""Videos whose endings an inbox leaves out are counted, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.watch.conftest import pass_time
from vsortd.core.containers import ENDINGS
from vsortd.watch.candidates import NameRules
from vsortd.watch.loop import InboxLoop
from vsortd.watch.other_videos import left_alone_line
from vsortd.watch.scan import ScanPlan, scan

if TYPE_CHECKING:
    from pathlib import Path

LoopMaker = Callable[..., InboxLoop]
InboxMaker = Callable[..., Any]
RULES = NameRules(("mp4", "mov"), ("ignored*",))


def others_in(folder: Path, *names: str, rules: NameRules = RULES) -> set[str]:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return set(scan(ScanPlan(folder, rules, recursive=True)).others)


@pytest.mark.parametrize("ending", sorted(set(ENDINGS) - {"mp4", "mov"}))
def test_every_ending_of_the_table_counts_in_any_case(tmp_path: Path, ending: str) -> None:
    wanted = {f"a.{ending}", f"sub/B.{ending.upper()}"}
    assert wanted == others_in(tmp_path, "c.mp4", "d.mov", "note.txt", *wanted)


@pytest.mark.parametrize(
    "names",
    [
        (".hidden.mkv", "~$a.mkv", "._a.mkv", ".Trash-1000/a.mkv", "@eaDir/a.mkv"),
        ("ignored.mkv", "ignored/a.mkv"),
        ("a.mkv.part", "a.part.mkv", "a.temp.webm", "_UNPACK_a/a.mkv"),
        ("a.mkv", "a.mkv.part"),
        ("a.mkv", "a.mkv.aria2"),
        ("a.mkv", "a.mkv.st"),
        ("a.mkv", ".a.mkv.Xq3b2a"),
        ("a.f137.mp4", "a.f251.webm"),
        ("GX010001.MP4", "GL010001.LRV", "GX010001.THM", "a.srt", "a.mka", "a.ac3", "clip.mp4.xmp"),
        ("mkv", ".mkv"),
    ],
    ids=" ".join,
)
def test_what_is_hidden_unfinished_ignored_or_a_sidecar_does_not_count(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert {"whole.mkv"} == others_in(tmp_path, "whole.mkv", *names)


def test_folders_and_links_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "folder.mkv").mkdir()
    (tmp_path / "link.mkv").symlink_to(tmp_path / "a.avi")
    assert {"a.avi"} == others_in(tmp_path, "a.avi")


def test_what_the_inbox_takes_does_not_count(tmp_path: Path) -> None:
    assert {"a.avi"} == others_in(tmp_path, "a.avi", "b.mkv", rules=NameRules(("mp4", "mkv")))
    assert set() == others_in(tmp_path, rules=NameRules(("all",)))


@pytest.mark.parametrize(
    ("by_ending", "extensions", "line"),
    [
        ({}, ("mp4",), ""),
        ({"mkv": 1}, (), "1 other video left alone (mkv); `extensions` would take it"),
        ({"mkv": 2, "avi": 1}, (), "3 other videos left alone (mkv, avi); `extensions` would take them"),
        (
            {"mkv": 1200},
            ("mp4", "mov"),
            "1,200 other videos left alone (mkv); `extensions: [mp4, mov, mkv]` would take them",
        ),
    ],
)
def test_the_line_names_the_endings_and_the_option(
    by_ending: dict[str, int], extensions: tuple[str, ...], line: str
) -> None:
    assert line == left_alone_line(by_ending, extensions)


def test_an_inbox_counts_them_by_its_scans(make_loop: LoopMaker, make_inbox: InboxMaker, clock: Any) -> None:
    inbox = make_inbox(watch="poll", poll_s=5.0)
    (inbox.path / "library").mkdir()
    (inbox.path / "library" / "filed.mkv").write_bytes(b"x")
    loop = make_loop(inbox, exclude=(inbox.path / "library",))
    pass_time(loop, clock, 1)
    assert {} == loop.health().left_alone
    others_in(inbox.path, "a.avi", "sub/b.mkv", "sub/c.mkv")
    pass_time(loop, clock, 6)
    assert [("mkv", 2), ("avi", 1)] == list(loop.health().left_alone.items())
    (inbox.path / "sub" / "b.mkv").unlink()
    pass_time(loop, clock, 6)
    assert {"avi": 1, "mkv": 1} == loop.health().left_alone


def test_events_tell_of_them_between_scans(make_loop: LoopMaker, make_inbox: InboxMaker, clock: Any) -> None:
    inbox = make_inbox(watch="poll", poll_s=600.0)
    loop = make_loop(inbox)
    pass_time(loop, clock, 1)

    def happens(*relatives: str) -> dict[str, int]:
        for relative in relatives:
            loop.mailbox.file_hint(relative)
        loop.turn()
        return dict(loop.health().left_alone)

    (inbox.path / "a.mkv.part").write_bytes(b"x")
    (inbox.path / "a.mkv").touch()
    assert {} == happens("a.mkv.part", "a.mkv"), "a browser keeps its place"
    (inbox.path / "a.mkv.part").replace(inbox.path / "a.mkv")
    assert {"mkv": 1} == happens("a.mkv.part", "a.mkv")
    assert {"mkv": 1} == happens("a.mkv", "gone.mkv", ".hidden.mkv", "b.mp4", "note.txt")
    (inbox.path / "a.mkv").rename(inbox.path / "a.avi")
    assert {"avi": 1} == happens("a.mkv", "a.avi")
    others_in(inbox.path, "new/c.ts")
    loop.mailbox.folder_hint("new")
    loop.turn()
    assert {"avi": 1, "ts": 1} == loop.health().left_alone
