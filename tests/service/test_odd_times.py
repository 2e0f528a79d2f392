"""Files with times that no clock shows (2300, 1601, the year 3,000,000), through the real commands: filed, too."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support import harness, troubles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.skipif(sys.platform == "win32", reason="signals"), pytest.mark.timeout(120)]

# Unix seconds; ext4 holds 1901 to 2446, tmpfs anything.
TIMES_S = {"2300": 10_413_792_000, "1601": -11_644_473_600, "1700": -8_520_336_000, "3e6": 99_999_999_999_999}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[harness.Here]:
    more = f"{troubles.QUICK}workers: {{decode: 1}}\nplace: {{name: '{{date}} {{stem}}'}}\n"
    one = harness.Here.make(tmp_path / "home", more=more, rules=troubles.ONE_RULE)
    yield one
    if one.daemon is not None:
        one.daemon.kill()
        one.daemon.wait()


def _drop(folder: Path) -> dict[str, Path]:
    made = {"plain": troubles.make_clip(folder / "plain.mp4", number=0)}
    os.utime(made["plain"], (1_700_000_000, 1_700_000_000))
    for number, (name, time_s) in enumerate(TIMES_S.items(), 1):
        made[name] = troubles.make_clip(folder / f"{name}.mp4", number=number)
        os.utime(made[name], (time_s, time_s))
    assert made["2300"].stat().st_mtime_ns > (1 << 63), "this filesystem holds such a time"
    return made


@pytest.mark.long
def test_the_daemon_files_them_all_and_starts_again_over_a_library_that_holds_them(home: harness.Here) -> None:
    before = {name: path.read_bytes() for name, path in _drop(home.inbox).items()}
    home.start()
    home.wait(lambda: 5 == len(home.items()), what="all five are filed")
    assert 0 == home.stop()
    assert {"filed"} == {item["state"] for item in home.items()}
    filed = {path.stem.rpartition(" ")[2]: path for path in home.library.rglob("*.mp4")}
    assert before == {name: path.read_bytes() for name, path in filed.items()}
    assert "2300-01-01 2300.mp4" == filed["2300"].name
    assert TIMES_S["2300"] == filed["2300"].stat().st_mtime
    home.start()  # the library is looked through
    other = home.library / "elsewhere" / filed["2300"].name
    other.parent.mkdir()
    filed["2300"].rename(other)
    home.wait(
        lambda: os.fspath(other) in {item["destination"] for item in home.items()}, what="the move has been followed"
    )
    assert 0 == home.stop()
    assert 5 == len(home.json("undo", "--all")["undone"])
    assert before == {path.stem: path.read_bytes() for path in home.inbox.glob("*.mp4")}


@pytest.mark.long
def test_every_command_takes_them_like_any_other(home: harness.Here) -> None:
    made = _drop(home.inbox)
    odd = made["2300"]
    plan = home.json("plan", home.inbox)["items"]
    assert ["filed"] * 5 == [item["state"] for item in plan]
    assert 5 == len(home.json("index", home.inbox)["items"])
    for words in (("index", "--verify"), ("duplicates", home.inbox), ("search", "sea", "--all"), ("explain", odd)):
        home.json(*words)
    home.json("timeline", odd, "sea")
    home.json("teach", odd, "kept")
    assert ["filed"] * 4 == [item["state"] for item in home.json("sort", home.inbox)["items"]]
    home.json("corrections")
    assert 5 == len(home.json("undo", "--all")["undone"])
    assert 5 == len(home.json("release", "--all")["released"])
