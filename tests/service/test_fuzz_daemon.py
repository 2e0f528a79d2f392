"""Mutated real clips dropped into the inbox of a real daemon: it lives on, and each ends in its place with a reason.

40 by default; the whole load: `VSORTD_FUZZ=2000 pytest -s tests/service/test_fuzz_daemon.py`.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import damaged_media, harness

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT = int(os.environ.get("VSORTD_FUZZ", "40"))
AT_ONCE = 250  # dropped together
SECONDS_PER_FILE = 4.0  # patience, no expectation

pytestmark = [pytest.mark.timeout(300 + COUNT * SECONDS_PER_FILE), pytest.mark.slow]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[harness.Home]:
    one = harness.Home.make(tmp_path / "home", more="workers: {time_limit: 20s}\n")
    yield one
    if one.daemon is not None:
        one.daemon.kill()
        one.daemon.wait()


@pytest.mark.long
def test_a_daemon_lives_through_mutated_clips_and_each_ends_in_its_place_with_a_reason(
    home: harness.Home, clips: Path, bad_clips: Path
) -> None:
    originals = damaged_media.seeds((clips, bad_clips))
    home.start()
    assert home.daemon is not None
    process = home.daemon.pid
    for begin in range(0, COUNT, AT_ONCE):
        for number in range(begin, min(begin + AT_ONCE, COUNT)):
            content, extension = damaged_media.mutant(number, originals)
            (home.folder / "made").write_bytes(content)
            (home.folder / "made").rename(home.inbox / f"{number:05}{extension}")
        reached = min(begin + AT_ONCE, COUNT)
        home.wait(
            lambda reached=reached: sum(home.json("status")["counts"].values()) >= reached,  # type: ignore[misc]
            what=f"{reached} mutants have an end",
            within_s=120 + AT_ONCE * SECONDS_PER_FILE,
        )
    items = home.items()
    assert {f"{number:05}" for number in range(COUNT)} == {Path(item["source"]).stem for item in items}
    assert COUNT == len(items), "a file was reported twice"
    for item in items:
        assert item["state"] in {"filed", "review", "rejected", "failed"}, item
        assert item["reason"], item
        moved = item["state"] in {"filed", "review"}
        assert moved == (not Path(item["source"]).exists()), item
        assert moved == bool(item["destination"] and Path(item["destination"]).exists()), item
    status = home.json("status")
    assert ("running", process) == (status["state"], home.daemon.pid)
    assert home.daemon.poll() is None
    states = Counter(item["state"] for item in items)
    assert states["failed"] > 0, "no mutant was broken"
    assert states["filed"] + states["review"] > 0, "no mutant could be sorted"

    undone = home.json("undo", "--all")
    assert [] == undone["refused"]
    assert {} == harness.snapshot(home.library)
    for number in range(COUNT):
        content, extension = damaged_media.mutant(number, originals)
        assert content == (home.inbox / f"{number:05}{extension}").read_bytes(), number
    converted = sum(bool(item["converted"]) for item in items)
    print(f"\n{COUNT} mutated clips: {dict(states)}, {converted} of them converted")  # noqa: T201 - the figures of the long run
    assert 0 == home.stop()
