"""Names from a Mac are decomposed, what people type and write into configs is composed: the real commands."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from tests.media.conftest import Recipe, make
from tests.support import harness

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]

RULES = """\
tags: [{name: Übung, when: {min_duration: 1ms}}]
rules:
  - {name: Übung, when: {file_name: 'Übung*'}}
  - {name: Rest, when: {file_name: '*'}}
"""


def test_every_command_finds_what_is_named_in_the_other_form(tmp_path: Path) -> None:
    there, here = unicodedata.normalize("NFD", "Übung"), unicodedata.normalize("NFC", "Übung")
    folder, named = tmp_path / there, tmp_path / here
    home = harness.Here.make(folder, rules=RULES, inbox=f"settle: 0.3s, ignore: ['{here} roh*', 'alt {here}']")
    home.config.write_text(home.config.read_text().replace(str(folder), str(named)))
    make(home.inbox / f"{there}.mp4", Recipe(frames=5))
    (home.inbox / f"{here}.srt").write_text("1")
    for name in (f"{there} roh.mp4", f"alt {there}/a.mp4"):
        (home.inbox / name).parent.mkdir(exist_ok=True)
        make(home.inbox / name, Recipe(frames=6))
    (home.inbox / f"{there} kaputt.mp4").write_bytes(b"x" * 20_000)
    (home.library / there).mkdir()
    before = harness.snapshot(home.inbox)

    items = {Path(one["source"]).name: one for one in home.json("sort", named / "Inbox", code=None)["items"]}
    states = {name: one["state"] for name, one in items.items()}
    assert {f"{there}.mp4": "filed", f"{there} kaputt.mp4": "failed"} == states
    filed = home.library / there / f"{there}.mp4"
    assert str(filed) == items[filed.name]["destination"]
    assert {filed.name, f"{here}.srt"} == {path.name for path in filed.parent.iterdir()}
    assert [there] == [path.name for path in home.library.iterdir() if not path.name.startswith(".")]
    (item,) = home.json("history", "--tag", there)["items"]
    assert (here, [here]) == (item["rule"], item["tags"])

    broken = home.json("retry", named / "Inbox" / f"{here} kaputt.mp4")
    assert [str(home.inbox / f"{there} kaputt.mp4")] == broken["retried"]
    paused = home.json("pause", "--inbox", named / "Inbox")["paused"]["inboxes"]
    assert [str(home.inbox)] == [one["path"] for one in paused]
    assert [] == home.json("undo", "--all")["refused"]
    assert before == harness.snapshot(home.inbox)
    assert [str(home.inbox / f"{there}.mp4")] == home.json("release", named / "Inbox" / f"{here}.mp4")["released"]
