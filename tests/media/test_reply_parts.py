"""A long sound on its way from the worker: part by part, in order, and never more of it at once than a few parts."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support.listeners import KeptSound
from tests.support.sounds import levels, write_sound
from vsortd.errors import Cancelled, LimitError
from vsortd.media.measures import SPEECH_HZ
from vsortd.media.pool import MediaPool
from vsortd.media.reply_parts import PART_BYTES, PARTS_WAITING, PartTaker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    Parts = list[tuple[dict[str, Any], int]]

PART_S = PART_BYTES / 2 / SPEECH_HZ
MOST = 3 * PART_BYTES // 2  # samples


@pytest.fixture
def own(hostile_ops: None) -> Iterator[MediaPool]:  # noqa: ARG001 - sets the environment first
    with MediaPool(1, timeout_s=30, memory_bytes=600_000_000) as pool:
        yield pool


def sent(own: MediaPool, parts: Parts, heard: KeptSound, cancel: threading.Event | None = None) -> dict[str, Any]:
    """Let a worker send parts, and return its reply."""
    own.warm()
    (pid,) = own.pids()
    ours = Path(f"/proc/self/fd/{own._idle[0]._process.stdout.fileno()}").readlink()  # type: ignore[union-attr]
    at = next(int(one.name) for one in Path(f"/proc/{pid}/fd").iterdir() if one.readlink() == ours)
    request = {"op": "parts", "descriptor": at, "parts": parts}
    return own.checked(request, lambda header, _: header, take=PartTaker(heard, MOST).take, cancel=cancel)


def test_a_long_sound_comes_in_parts_that_make_up_the_whole(tmp_path: Path, pool: MediaPool) -> None:
    seconds = round(2.5 * PART_S)
    path = write_sound(tmp_path / "long.mov", levels((-20.0, float(seconds))))
    heard = KeptSound()
    pool.measure(path, speech=heard, timeout_s=60)
    assert (1, [PART_BYTES] * 2) == (heard.begins, [part.nbytes for part in heard.parts[:-1]])
    assert seconds * SPEECH_HZ == pytest.approx(len(heard.pcm), abs=32)
    assert 1000 == pytest.approx(float(np.abs(np.fft.rfft(heard.pcm)).argmax()) / seconds, abs=1)


def test_what_begins_anew_is_heard_from_its_beginning(own: MediaPool) -> None:
    """As after a device that failed in the middle, whose work the CPU does again."""
    heard = KeptSound()
    parts: Parts = [({"part": 0}, 4), ({"part": 1}, 4), ({"part": 0}, 6), ({"part": 1}, 2)]
    assert {"done": True} == sent(own, parts, heard)
    assert (2, 4) == (heard.begins, len(heard.pcm))


@pytest.mark.few(2)
@pytest.mark.parametrize(
    "parts",
    [
        [({"part": 1}, 4)],
        [({"part": 0}, 4), ({"part": 2}, 4)],
        [({"part": 0}, 4), ({"part": -1}, 4)],
        [({"part": "0"}, 4)],
        [({"part": True}, 4)],
        [({"part": 0, "more": 1}, 4)],
        [({"part": 0}, 0)],
        [({"part": 0}, 3)],
        [({"part": 0}, PART_BYTES + 2)],
        [({"part": number}, PART_BYTES) for number in range(4)],
    ],
)
def test_parts_that_can_not_be_end_the_worker(own: MediaPool, parts: Parts, clip_file: Callable[..., Path]) -> None:
    own.warm()
    (before,) = own.pids()
    with pytest.raises(LimitError, match="answered nonsense"):
        sent(own, parts, KeptSound())
    assert before not in own.pids()
    assert 24 == own.probe(clip_file()).frames


def test_a_part_of_what_has_none_ends_the_worker(own: MediaPool) -> None:
    with pytest.raises(LimitError, match="a part that nobody asked for"):
        own.call({"op": "lie", "reply": {"part": 0}, "blob_bytes": 0})


class Slow(KeptSound):
    """Takes its time, and counts how much waits meanwhile."""

    def __init__(self, waiting: Callable[[], int]) -> None:
        super().__init__()
        self.most = 0
        self.waiting = waiting
        self.hears = threading.Event()

    def hear(self, pcm: npt.NDArray[np.int16]) -> None:
        """See `SpeechListener`."""
        self.hears.set()
        time.sleep(0.05)
        self.most = max(self.most, self.waiting())
        self.parts = [pcm]


def test_a_worker_waits_for_who_listens(own: MediaPool, eventually: Callable[..., bool]) -> None:
    """A worker that is far ahead takes no memory here; and one that waits can be stopped at once."""
    child: list[Any] = []

    def waiting() -> int:
        return int(child[0]._replies.qsize())

    own.warm()
    child.append(own._idle[0])
    slow = Slow(waiting)
    again: Parts = [({"part": 0}, PART_BYTES)] * 40
    assert {"done": True} == sent(own, again, slow)
    assert 0 < slow.most <= PARTS_WAITING + 1  # and the reply
    stop, ended = threading.Event(), threading.Event()
    slow.hears.clear()

    def ask() -> None:
        with pytest.raises(Cancelled):
            sent(own, again * 100, slow, stop)
        ended.set()

    thread = threading.Thread(target=ask)
    thread.start()
    assert slow.hears.wait(20)
    stop.set()
    thread.join(20)
    assert ended.is_set()
    assert eventually(lambda: not child[0].alive)
