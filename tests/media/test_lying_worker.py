"""A worker that a video has taken over may say anything: it is killed at the first lie, and only that video fails."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import numpy as np
import pytest

from tests.support.listeners import KeptSound
from vsortd.core.technical_facts import (
    ChapterMark,
    PictureStreamFacts,
    SoundStreamFacts,
    SubtitleStreamFacts,
    TechnicalFacts,
)
from vsortd.errors import LimitError
from vsortd.media import protocol, replies
from vsortd.media.measures_reply import measures_from_reply
from vsortd.media.pool import MediaPool
from vsortd.media.preprocess import Preprocess
from vsortd.media.protocol import ProtocolError
from vsortd.media.technical_reply import technical_from_reply
from vsortd.media.worker_process import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Build = Callable[..., Path]
    Header = dict[str, Any]

SIDE = 8
WANTED = Preprocess(SIDE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


class Voice:
    """Stands between pool and workers: notes what they answer, and lets them answer something else instead."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.heard: dict[str, tuple[Header, bytes]] = {}
        self.lies: list[tuple[Header, int]] = []
        ask, reply = WorkerProcess.ask, WorkerProcess.reply
        asked: dict[int, str] = {}

        def changed(child: WorkerProcess, request: Header, most: int, *, in_parts: bool = False) -> None:
            asked[child.pid] = request["op"]
            if self.lies and request["op"] != "hello":
                header, blob_bytes = self.lies.pop(0)
                request = {**request, "op": "lie", "reply": header, "blob_bytes": blob_bytes}
            ask(child, request, most, in_parts=in_parts)

        def noted(child: WorkerProcess, wait_s: float) -> tuple[Header, protocol.Blob] | None:
            came = reply(child, wait_s)
            if came is not None and "part" not in came[0]:
                self.heard[asked[child.pid]] = (came[0], bytes(came[1]))
            return came

        monkeypatch.setattr(WorkerProcess, "ask", changed)
        monkeypatch.setattr(WorkerProcess, "reply", noted)


@pytest.fixture
def voice(monkeypatch: pytest.MonkeyPatch) -> Voice:
    return Voice(monkeypatch)


@pytest.fixture
def own(hostile_ops: None) -> Iterator[MediaPool]:  # noqa: ARG001 - sets the environment first
    with MediaPool(1, timeout_s=30, memory_bytes=600_000_000) as pool:
        yield pool


def questions(pool: MediaPool, path: Path, picture: Path) -> dict[str, Callable[[], object]]:
    """Return every kind of question that is asked of workers, ready to be asked."""
    clip = pool.probe(path)
    pair = [(0, 0, "copy", False)]
    return {
        "probe": lambda: pool.probe(path),
        "sample": lambda: pool.sample(path, clip, range(2), 2, WANTED),
        "sample_each": lambda: pool.sample_each(path, clip, range(2), 2, [WANTED, WANTED]),
        "moments": lambda: pool.moments(path, clip, [0, 500], WANTED),
        "look": lambda: pool.look(path, range(2), 2, WANTED),
        "movie": lambda: pool.movie(path),
        "picture": lambda: pool.picture(picture, WANTED),
        "compare": lambda: pool.compare_conversion(path, path, pair, {}, timeout_s=30),  # type: ignore[list-item]
        "decode": lambda: pool.decode(path, [0], timeout_s=30),
        "windows": lambda: pool.sound_windows(path, [0, 5000]),
        "technical": lambda: pool.technical(path, timeout_s=30),
        "measure": lambda: pool.measure(path, speech=KeptSound(), timeout_s=30),
        "stills": lambda: pool.stills(path, [0.0, 0.5], side_px=SIDE, timeout_s=30),
    }


def leaves(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the ways to every part of an answer, the whole parts before what they consist of."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield (*way, key)
        yield from leaves(part, (*way, key))


def with_lie(answer: Header, way: tuple[Any, ...], lie: Any) -> Header:
    """Return an answer with one part replaced; LEFT_OUT leaves it out."""
    changed: Any = copy.deepcopy(answer)
    part = changed
    for key in way[:-1]:
        part = part[key]
    if lie is LEFT_OUT:
        del part[way[-1]]
    else:
        part[way[-1]] = lie
    return dict(changed)


def at(answer: Any, way: tuple[Any, ...]) -> Any:
    for key in way:
        answer = answer[key]
    return answer


LEFT_OUT = object()
# A whole number for one with a point, a time that isn't known.
ALIKE = {(int, float), (float, int), (type(None), float), (int, type(None)), (float, type(None))}
# What a file may not say of itself.
UNKNOWN = {
    ("technical", name)
    for kind in (PictureStreamFacts, SoundStreamFacts, SubtitleStreamFacts, ChapterMark, TechnicalFacts)
    for name, hint in get_type_hints(kind).items()
    if type(None) in get_args(hint)
}
LIES = [LEFT_OUT, None, True, "", "\x1b]0;x\x07" * 999, [], {}, [[]], 0, -1, 2**31, 2**63, -(2**63) - 1, 10**400, 0.5]
LIES += [-1.0, 1e308, math.inf, -math.inf, math.nan, {"x": 1}, ["x"], [1e999], "\u202e", [{}] * 2000]


def checks() -> dict[str, Callable[[Header, bytes], object]]:
    """Return what the pool does with an answer, by the kind of question."""
    return {
        "probe": lambda header, _: replies.clip_from_reply(header),
        "sample": lambda header, blob: protocol.frames_from_message(header, blob, most=2, side_px=SIDE),
        "sample_each": lambda header, blob: replies.each_from_reply(header, blob, most=2, sides_px=[SIDE, SIDE]),
        "moments": lambda header, blob: protocol.frames_from_message(header, blob, most=2, side_px=SIDE),
        "look": lambda header, blob: replies.look_from_reply(header, blob, most=2, side_px=SIDE),
        "movie": lambda header, _: replies.movie_from_reply(header),
        "picture": lambda header, blob: replies.picture_from_reply(header, blob, side_px=SIDE),
        "compare": lambda header, _: replies.comparison_from_reply(header),
        "decode": lambda header, _: replies.decoded_from_reply(header, [0]),
        "windows": lambda header, blob: replies.windows_from_reply(header, blob, [0, 5000]),
        "technical": lambda header, _: technical_from_reply(header),
        "measure": lambda header, blob: measures_from_reply(header, blob, pictures=True, sound=True),
        "stills": lambda header, blob: replies.stills_from_reply(header, blob, count=2, side_px=SIDE),
        "hello": lambda header, _: replies.greeting_from_message(header),
    }


@pytest.fixture
def answers(own: MediaPool, voice: Voice, clip_file: Build, tmp_path: Path) -> dict[str, tuple[Header, bytes]]:
    """Return the true answers to every kind of question."""
    for ask in questions(own, clip_file(audio="aac", metadata={"title": "x"}), a_picture(tmp_path)).values():
        ask()
    assert set(checks()) == set(voice.heard)
    return dict(voice.heard)


def a_picture(folder: Path) -> Path:
    from PIL import Image

    Image.new("RGB", (20, 10), "red").save(folder / "picture.png")
    return folder / "picture.png"


def numbers_of(value: Any) -> Iterator[float]:
    if isinstance(value, bool | str | bytes) or value is None:
        return
    if isinstance(value, int | float):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from numbers_of(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from numbers_of(one)
    elif isinstance(value, np.ndarray):
        yield from (float(value.min()), float(value.max())) if value.size else ()
    else:
        yield from numbers_of({name: getattr(value, name) for name in value.__dataclass_fields__})


def in_range(number: float, *, level: bool) -> bool:
    """Tell whether a number may be told: none is infinite, but the level (dB) of silence."""
    return (math.isfinite(number) and abs(number) <= 2**63) or (level and number == -math.inf)


def texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from texts_of(key)
            yield from texts_of(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts_of(one)
    elif hasattr(value, "__dataclass_fields__"):
        yield from texts_of({name: getattr(value, name) for name in value.__dataclass_fields__})


@pytest.mark.long
def test_what_passes_is_of_its_kind_and_in_its_range_whatever_is_said(
    answers: dict[str, tuple[Header, bytes]],
) -> None:
    """Every part of every answer is replaced by every lie: it is refused as one, or it is a value like any true one."""
    refused = passed = 0
    for kind, check in checks().items():
        answer, blob = answers[kind]
        check(answer, blob)
        for way in leaves(answer):
            for lie in LIES:
                said = with_lie(answer, way, lie)
                if lie is not LEFT_OUT and lie == at(answer, way) and type(lie) is type(at(answer, way)):
                    continue
                try:
                    result = check(said, blob)
                except ProtocolError:
                    refused += 1
                    continue
                passed += 1
                true = at(answer, way)
                free = isinstance(at(answer, way[:-1]), list) or way[-2:-1] in {
                    ("tags",),
                    ("film_tags",),
                    ("boxes",),
                    ("own_tags",),
                }
                assert lie is not LEFT_OUT or free, (kind, way)
                alike = (type(lie), type(true)) in ALIKE or type(lie) is type(true) or lie is LEFT_OUT
                unknown = (kind, way[-1]) in UNKNOWN and (lie is None or (true is None and isinstance(lie, str)))
                missing = kind == "measure" and len(way) == 2 and (lie is None or isinstance(lie, str))  # or why it is
                assert alike or unknown or missing, (kind, way, lie)
                assert all(in_range(one, level=kind == "measure") for one in numbers_of(result)), (kind, way, lie)
                assert all(text.isprintable() and len(text) <= 1024 for text in texts_of(result)), (kind, way, lie)
        for more in ({**answer, "more": 1}, {}, {**answer, "error": 7}):
            if more != answer:
                with pytest.raises(ProtocolError):
                    protocol.error_from(more) or check(more, blob)
        if blob:
            with pytest.raises(ProtocolError):
                check(answer, blob[1:])
    assert refused > 9 * passed > 0


@pytest.mark.long
def test_a_worker_is_killed_at_its_first_lie(
    own: MediaPool, voice: Voice, answers: dict[str, tuple[Header, bytes]], clip_file: Build, tmp_path: Path
) -> None:
    """One lie about each part of each answer, from a real process; the next question gets another process."""
    path = clip_file("other.mp4")
    asked = questions(own, path, a_picture(tmp_path))
    for kind, ask in asked.items():
        answer, blob = answers[kind]
        for name in answer or ("more",):
            (before,) = own.pids()
            voice.lies = [({**answer, name: {"a": "lie"}}, len(blob))]
            with pytest.raises(LimitError, match="answered nonsense"):
                ask()
            assert before not in own.pids(), (kind, name)
            assert 24 == own.probe(path).frames


def test_what_nobody_asked_for_ends_a_worker(
    own: MediaPool, clip_file: Build, is_running: Callable[[int], bool], eventually: Callable[..., bool]
) -> None:
    """The second answer to one question is no answer to the next one."""
    own.warm()
    (pid,) = own.pids()
    replies_at = next(
        int(one.name)
        for one in Path(f"/proc/{pid}/fd").iterdir()
        if one.readlink() == Path(f"/proc/self/fd/{own._idle[0]._process.stdout.fileno()}").readlink()  # type: ignore[union-attr]
    )
    assert {"first": True} == own.call({"op": "babble", "after_s": 0.2, "descriptor": replies_at})[0]
    assert eventually(lambda: not is_running(pid))
    assert 24 == own.probe(clip_file()).frames
    assert pid not in own.pids()


def test_a_line_without_end_takes_no_memory_and_an_endless_voice_is_ended(
    own: MediaPool, clip_file: Build, is_running: Callable[[int], bool]
) -> None:
    own.warm()
    (pid,) = own.pids()
    assert {"shouted": True} == own.call({"op": "shout", "bytes": 8 << 20})[0]
    assert is_running(pid)
    assert sum(map(len, own._idle[0]._errors)) < 1 << 20
    with pytest.raises(LimitError, match="never stops printing"):
        own.call({"op": "shout", "bytes": 1 << 30})
    assert not is_running(pid)
    assert 24 == own.probe(clip_file()).frames


def test_every_number_of_facts_has_a_range() -> None:
    """A new field without one is refused by the first clip: see that none is forgotten, nor left over."""
    from vsortd.core.video_facts import Clip, Stream
    from vsortd.media.movie_facts import MovieFacts, TrackFacts

    wanted = {
        (kind, name)
        for kind in (Clip, Stream, MovieFacts, TrackFacts)
        for name, hint in get_type_hints(kind).items()
        if hint in {int, float}
    }
    assert wanted == set(protocol.RANGES)


def test_numbers_that_are_none_do_not_travel() -> None:
    text = json.dumps({"a": math.nan}).encode()
    assert math.isnan(json.loads(text)["a"])  # JSON's reader lets them through, so the checks don't
    with pytest.raises(ProtocolError):
        protocol.finite({"a": math.nan}, "a")
