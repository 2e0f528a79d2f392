"""A daemon whose inbox is a locked card and whose library is an exFAT disk."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support import disks, harness, troubles

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="mounts"),
    pytest.mark.timeout(240),
    pytest.mark.slow,
]
RULE = 'rules:\n  - {name: "Q: what?", prompts: [sea], min_score: 0, min_margin: 0}\n'


@pytest.mark.long
def test_a_locked_card_waits_and_an_exfat_library_gets_names_that_fit(tmp_path: Path) -> None:
    home = harness.Home.make(tmp_path / "home", more=troubles.QUICK, rules=RULE)
    card = tmp_path / "card"
    card.mkdir()
    troubles.make_clip(card / "What: a?.mp4", number=1)
    data = (card / "What: a?.mp4").read_bytes()
    home.library.rmdir()
    target = home.library / "Q_ what_" / "What_ a_.mp4"
    with disks.exfat(home.library), troubles.mounted(["--bind", card], home.inbox):
        subprocess.run(["mount", "-o", "remount,bind,ro", home.inbox], check=True)
        try:
            home.start()
            (inbox,) = troubles.status(home)["inboxes"]
            assert "degraded" == inbox["health"]
            assert "read-only" in inbox["reason"]
            assert inbox["waits"]
            home.run("status", "--check", code=1)
            subprocess.run(["mount", "-o", "remount,bind,rw", home.inbox], check=True)
            home.wait(target.exists, what="the card's video is filed")
            home.wait(lambda: not (card / "What: a?.mp4").exists(), what="it is gone from the card")
            home.run("status", "--check")
            assert data == target.read_bytes()
            assert "takes no `:` and `?`" in home.items()[0]["reason"]
            (again,) = home.json("sort", target)["items"]
            assert "it is there already" in again["reason"]
            assert 0 == home.stop()
            assert [] == home.json("undo", "--all")["refused"]
            assert data == (card / "What: a?.mp4").read_bytes()
        finally:
            if home.daemon is not None:
                home.daemon.kill()
                home.daemon.wait()
