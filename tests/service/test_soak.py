"""vsortd is killed again and again while clips keep coming: nothing is lost, and everything can be taken back.

10 kills by default; the whole load: `VSORTD_SOAK=500 pytest -s tests/service/test_soak.py`. What must hold is in
tests/support/soak.py, which also runs by itself.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support import soak

if TYPE_CHECKING:
    from pathlib import Path

KILLS = int(os.environ.get("VSORTD_SOAK", "10"))
SEED = int(os.environ.get("VSORTD_SOAK_SEED", "1"))
SECONDS_PER_KILL = 30.0  # patience, no expectation

pytestmark = [
    pytest.mark.timeout(900 + KILLS * SECONDS_PER_KILL),
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="forks, sends SIGKILL and looks into /proc"),
]


@pytest.mark.long
def test_nothing_is_lost_however_often_the_daemon_is_killed(tmp_path: Path) -> None:
    result = soak.soak(tmp_path, kills=KILLS, seed=SEED)
    print(soak.line(result))  # noqa: T201 - the counts are what a long run is for
    assert KILLS == result["kills"]
    assert result["hit_working"] > 0, "no kill hit a video at work"
    assert result["hit_intents"] > 0, "no kill hit a transaction"
    assert result["kills_by"]["fault"] > 0, "no kill came at a fault point"
    assert result["undos"] > 0
    assert result["filed"] + result["review"] > 0
    assert result["converted"] > 0


@pytest.fixture
def looked_at(tmp_path: Path) -> soak.Soak:
    """Make a home with two contents dropped and nothing done yet."""
    one = soak.Soak(tmp_path / "home", seed=1, apart=False, hearth=None)
    for number in range(2):
        one.dropper._by_rename(one.home.inbox / f"{number}.mp4", b"content %d" % number)
    return one


@pytest.mark.parametrize(
    ("what", "happens"),
    [
        ("LOST", lambda home: (home.inbox / "0.mp4").unlink()),
        ("LOST", lambda home: (home.inbox / "0.mp4").write_bytes(b"content X")),
        ("LOST", lambda home: (home.inbox / "0.mp4").replace(home.inbox / "1.mp4")),
        ("DOUBLED", lambda home: (home.library / "0.mp4").write_bytes(b"content 0")),
        ("doesn't know", lambda home: (home.inbox / "0.mp4").rename(home.library / "0.mp4")),
        ("lost its time", lambda home: os.utime(home.inbox / "0.mp4", (1, 1))),
        ("neither dropped", lambda home: (home.library / "x.mp4").write_bytes(b"other")),
    ],
    ids=["removed", "rewritten", "overwritten", "doubled", "under an unknown name", "time", "a stranger"],
)
def test_the_soak_sees_what_must_not_be(looked_at: soak.Soak, what: str, happens: object) -> None:
    looked_at._after_death("nothing")
    assert callable(happens)
    happens(looked_at.home)
    with pytest.raises(soak.LostError, match=what):
        looked_at._after_death("what happened")
