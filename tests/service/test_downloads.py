"""Downloads under way beside videos, through the real commands: nothing of them is filed, nothing is called failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.media.conftest import Recipe, make
from tests.support import harness

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]

ALL = "rules:\n  - {name: all, when: {file_name: '*'}}\n"


def states(home: harness.Home) -> dict[str, str]:
    return {item["source"].rpartition("/")[2]: item["state"] for item in home.items()}


def test_what_downloads_have_not_finished_is_left_alone_until_they_have(tmp_path: Path) -> None:
    home = harness.Here.make(tmp_path / "home", rules=ALL)
    make(home.inbox / "other.mp4", Recipe(frames=5))
    (home.inbox / "fox.mp4").touch()
    data = make(home.inbox / "fox.aBc1-_dE.mp4.part", Recipe(frames=6, format="mp4"))
    make(home.inbox / "tube.f137.mp4", Recipe(frames=7))
    (home.inbox / "tube.f140.m4a.part").write_bytes(b"half")
    make(home.inbox / "aria.mp4", Recipe(frames=8))
    (home.inbox / "aria.mp4.aria2").write_bytes(b"state")
    before = harness.snapshot(home.inbox)

    home.run("run", "--once", code=None)
    assert {"other.mp4": "filed"} == states(home)
    assert {name for name in before if name != "other.mp4"} == set(harness.snapshot(home.inbox))
    sorted_now = home.json("sort", home.inbox, code=None)["items"]
    assert {"held"} == {one["state"] for one in sorted_now}
    assert all("a download or copy is under way" in one["reason"] for one in sorted_now)
    assert {"other.mp4": "filed"} == states(home), "the history knows of nothing that is not finished"

    data.rename(home.inbox / "fox.mp4")
    (home.inbox / "tube.f137.mp4").rename(home.inbox / "tube.mp4")
    (home.inbox / "tube.f140.m4a.part").unlink()
    (home.inbox / "aria.mp4.aria2").unlink()
    home.json("sort", home.inbox)
    assert dict.fromkeys(["other.mp4", "fox.mp4", "tube.mp4", "aria.mp4"], "filed") == states(home)
