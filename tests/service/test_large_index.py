"""A very large index and a real daemon: made ready in the background, through a kill, and asked by other processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest

from tests.support.facts import clip_facts
from tests.support.harness import Home
from tests.support.paths import REPOSITORY
from vsortd.core.identity import Identity
from vsortd.index.store import Index
from vsortd.index.stored_looks import Embedded
from vsortd.library.search.shards.shard_folder import TEST_SIZES, readiness_of
from vsortd.vision.factory import load_encoder

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.vision.encoder import Encoder

pytestmark = pytest.mark.timeout(120)
VIDEOS: Final = 200
FRAMES: Final = 12
# What a person types, with a line on stderr for each question that goes to shards.
_TELLING: Final = """
import sys
from vsortd.__main__ import main
from vsortd.library.search.shards.cascade import Cascade
plain = Cascade.stretches
Cascade.stretches = lambda self, *given: print("asked shards", file=sys.stderr) or plain(self, *given)
sys.exit(main(sys.argv[1:]))
"""


def fill(home: Home, encoder: Encoder) -> None:
    """Put videos into the index that show one of some subjects each; their files are there, and empty."""
    rng = np.random.default_rng(7)
    subjects = encoder.encode_texts(["the sea", "a forest", "a city street", "flames", "snow"])
    index = Index(home.folder / "state" / "index.sqlite3")
    times_ms = np.arange(FRAMES, dtype=np.int64) * 1000 + 500
    for number in range(VIDEOS):
        scale = 1 / np.sqrt(subjects.shape[1])
        own = rng.standard_normal(subjects.shape[1]) * scale
        rows = subjects[number % len(subjects)] + own + rng.standard_normal((FRAMES, subjects.shape[1])) * scale / 4
        rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        path = home.library / f"{number:04d}.mp4"
        path.touch()
        identity = Identity.of(path)
        assert identity is not None
        clip = clip_facts(duration_s=float(FRAMES))
        index.keep(identity, path, clip, encoder.info.key, "pace-1000:0", Embedded(times_ms, rows))
    index.close()


def scenes(answer: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Return file, begin and end of each."""
    assert answer["scenes"]
    return [(one["file"], one["begin_s"], one["end_s"]) for one in answer["scenes"]]


@pytest.mark.long
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_kill_while_it_is_made_ready_changes_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home.make(tmp_path / "home")
    fill(home, load_encoder("sample", device="cpu"))
    question = ("search", "the sea", "--limit", "12", "--min-score", "0")
    plain = scenes(home.look(*question))
    folder = home.folder / "state" / "search"

    monkeypatch.setenv(TEST_SIZES, f"1000,1,{FRAMES},0")  # a shard a video: it takes a while
    home.start()
    home.look(*question)  # from now on the daemon has a model, and somebody who searches
    home.wait(lambda: len(list(folder.glob("*/*.shard"))) >= 3, what="some shards are made")
    home.stop(how=signal.SIGKILL)
    made = len(list(folder.glob("*/*.shard")))
    assert 3 <= made < VIDEOS, "it was killed before all were made"

    monkeypatch.setenv(TEST_SIZES, "1000,1,1000,0")
    index = Index(home.folder / "state" / "index.sqlite3")
    home.start()
    assert plain == scenes(home.look(*question))
    home.wait(lambda: is_ready(index), what="all of it is in shards")
    index.close()
    assert plain == scenes(home.look(*question))
    assert 0 == home.stop()
    assert not [path for path in folder.glob("*/*") if path.suffix != ".shard"], "nothing half-made stays"

    done = subprocess.run(
        [sys.executable, "-c", _TELLING, *question, "--json"],
        env=home.environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "asked shards" in done.stderr
    assert plain == scenes(json.loads(done.stdout))


def is_ready(index: Index) -> bool:
    """Tell whether shards answer for all of an index."""
    found = readiness_of(index)
    return bool(found) and not found[0].new_h
