"""Errors that nobody expected, raised within the real commands: each costs its video; the same one again stops."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support import harness, troubles
from tests.support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.skipif(sys.platform == "win32", reason="signals"), pytest.mark.timeout(240)]

# Runs in every command before anything else: a stage that has a defect for some names.
_DEFECT = """\
import os
import sys

if "run" in sys.argv or "sort" in sys.argv:
    from vsortd.pipeline import stages

    judge = stages.judge

    def defective(services, job):
        if job.path.name.startswith("bad"):
            raise KeyError("a defect of this test")
        return judge(services, job)

    stages.judge = defective

if "VSORTD_TEST_ODD" in os.environ:  # the books have a defect each for a name
    from vsortd.filing import place

    def of(name):
        asked = getattr(place.Filer, name)

        def odd(filer, path, *more, **options):
            if path.name == f"odd {name}.mp4":
                raise OverflowError(f"Python int too large to convert to SQLite INTEGER, in {name}")
            return asked(filer, path, *more, **options)

        setattr(place.Filer, name, odd)

    for name in os.environ["VSORTD_TEST_ODD"].split():
        of(name)
"""
_BOOKS = ("known", "suspect", "begin_work", "end_work")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[harness.Home]:
    one = harness.Home.make(tmp_path / "home", more=troubles.QUICK + "workers: {decode: 1}\n", rules=troubles.ONE_RULE)
    (one.folder / "defect").mkdir()
    (one.folder / "defect" / "sitecustomize.py").write_text(_DEFECT)
    one.more_environment["PYTHONPATH"] = str(one.folder / "defect")
    yield one
    if one.daemon is not None:
        one.daemon.kill()
        one.daemon.wait()


def test_the_daemon_fails_the_video_and_goes_on(home: harness.Home) -> None:
    home.start()
    troubles.make_clip(home.inbox / "bad.mp4", number=1)
    home.wait(lambda: ["failed"] == [item["state"] for item in home.items()], what="the bad one has failed")
    troubles.make_clip(home.inbox / "good.mp4", number=2)
    home.wait(lambda: "filed" in [item["state"] for item in home.items()], what="the next one is filed")
    (failed,) = (item for item in home.items() if item["state"] == "failed")
    assert "KeyError" in failed["reason"]
    assert ["bad.mp4"] == list(harness.snapshot(home.inbox))
    assert "in defective" in home.log(), "the traceback is in the log"
    assert 0 == home.stop(how=signal.SIGTERM)


@pytest.mark.long
def test_the_same_error_on_three_videos_in_a_row_stops_the_daemon_and_keeps_nothing_from_being_filed(
    home: harness.Home,
) -> None:
    home.start()
    assert home.daemon is not None
    for number in range(3):
        troubles.make_clip(home.folder / f"bad{number}.mp4", number=number)
    for number in range(3):
        (home.folder / f"bad{number}.mp4").rename(home.inbox / f"bad{number}.mp4")
    assert 1 == home.daemon.wait(PATIENCE_S)
    home.daemon = None
    assert "The same unexpected error met 3 videos in a row: KeyError" in home.log()
    assert "please report" in home.log()
    assert ["bad0.mp4", "bad1.mp4", "bad2.mp4"] == list(harness.snapshot(home.inbox))
    del home.more_environment["PYTHONPATH"]  # the defect is mended
    assert ["filed"] * 3 == [item["state"] for item in home.json("sort", home.inbox)["items"]]


@pytest.mark.long
def test_sort_goes_on_after_an_unexpected_error(home: harness.Home) -> None:
    for number, name in enumerate(("bad.mp4", "good.mp4")):
        troubles.make_clip(home.inbox / name, number=number)
    items = home.json("sort", home.inbox, code=3)["items"]
    assert {"bad.mp4": "failed", "good.mp4": "filed"} == {
        item["source"].rpartition("/")[2]: item["state"] for item in items
    }


@pytest.mark.long
@pytest.mark.parametrize("command", ["run", "sort"])
def test_an_error_of_the_journal_over_one_video_costs_no_other_and_is_told(home: harness.Home, command: str) -> None:
    home.more_environment["VSORTD_TEST_ODD"] = " ".join(_BOOKS)
    for number, name in enumerate([*_BOOKS, "good"]):
        troubles.make_clip(home.inbox / f"odd {name}.mp4", number=number)
    if command == "run":
        home.run("run", "--once", code=3)
    else:
        home.run("sort", home.inbox, code=3)
    states = {item["source"].rpartition("/")[2]: item["state"] for item in home.items()}
    assert ("filed", "filed") == (states["odd good.mp4"], states["odd end_work.mp4"])
    refused = {f"odd {name}.mp4": "failed" for name in _BOOKS if name != "end_work"}
    assert refused.items() <= states.items()
    assert sorted(refused) == list(harness.snapshot(home.inbox))
