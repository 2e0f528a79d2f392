"""A pass's measures travel whole, and nothing passes that a true pass couldn't have said."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support.sounds import levels, write_sound
from vsortd.errors import LimitError
from vsortd.media.measures import MAX_FRAMES, Measures, PictureMeasures, SoundMeasures
from vsortd.media.measures_reply import (
    PICTURE_COLUMNS,
    SOUND_COLUMNS,
    BlobColumn,
    max_measures_bytes,
    measures_from_reply,
    measures_to_reply,
)
from vsortd.media.pool import MediaPool
from vsortd.media.protocol import ProtocolError
from vsortd.media.worker_process import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vsortd.media.protocol import Message

FRAMES, LOOKS, BLOCKS = 5, 2, 3
ASKED: dict[str, Any] = {"pictures": True, "sound": True}


def pictures() -> PictureMeasures:
    rng = np.random.default_rng(4)
    row: Any = [rng.uniform(0, 1, FRAMES).astype(np.float32) for _ in range(6)]
    look: Any = [rng.uniform(1, 2, LOOKS).astype(np.float32) for _ in range(3)]
    shift = rng.uniform(-0.5, 0.5, (FRAMES, 2)).astype(np.float32)
    small = rng.integers(0, 256, (FRAMES, 4, 4, 3)).astype(np.uint8)
    keys = np.array([True, False, False, True, False])
    times = np.arange(FRAMES) / 2, np.arange(LOOKS) * 1.0
    return PictureMeasures(times[0], keys, *row, shift, small, 0.25, times[1], *look)  # type: ignore[call-arg]


def sound() -> SoundMeasures:
    curve = np.array([-math.inf, -math.inf, -23.5, -20.0], np.float32)
    block = np.array([[-20.0, -math.inf]] * BLOCKS, np.float32)
    spectrum = np.linspace(-90, -3, 33).astype(np.float32)
    told = (-23.0, 4.5, -math.inf, -20.0, -math.inf, -24.0, -1.0)
    dc = np.array([0.0, -0.1], np.float32)
    return SoundMeasures(1, 48_000, 2, "stereo", 1.0, *told, curve, curve, block, dc, -40.0, spectrum, 0.25)


def travelled() -> tuple[dict[str, Any], bytes]:
    header, blob = measures_to_reply(Measures(pictures(), sound()))
    return dict(json.loads(json.dumps(header))), bytes(blob)


def test_measures_travel_whole() -> None:
    back = measures_from_reply(*travelled(), **ASKED)
    for before, after in ((pictures(), back.pictures), (sound(), back.sound)):
        assert type(before) is type(after)
        for field in fields(before):
            wanted, found = getattr(before, field.name), getattr(after, field.name)
            assert np.array_equal(wanted, found), field.name
            if isinstance(wanted, np.ndarray):
                assert (wanted.dtype, wanted.shape) == (found.dtype, found.shape)


@pytest.mark.parametrize("parts", [(None, "why\x1b[31m"), ("why", None), ("why", "not")])
def test_reasons_travel_as_plain_text(parts: tuple[str | None, str | None]) -> None:
    header, blob = measures_to_reply(Measures(*parts))
    back = measures_from_reply(header, blob, **ASKED)
    assert [part and part.replace("\x1b", " ").strip() for part in parts] == [back.pictures, back.sound]


def test_every_array_is_checked() -> None:
    for kind, columns in ((PictureMeasures, PICTURE_COLUMNS), (SoundMeasures, SOUND_COLUMNS)):
        arrays = [field.name for field in fields(kind) if "NDArray" in str(field.type) or "Floats" in str(field.type)]
        assert sorted(arrays) == sorted(columns)


def test_only_what_was_asked_for_is_taken() -> None:
    header, blob = travelled()
    for name in ASKED:
        with pytest.raises(ProtocolError):
            measures_from_reply(header, blob, **{**ASKED, name: False})
    with pytest.raises(ProtocolError):
        measures_from_reply({"pictures": None, "sound": None}, b"", **ASKED)


@pytest.mark.parametrize("change", [-1, 1, 4, 1000])
def test_a_blob_of_another_size_is_refused(change: int) -> None:
    header, blob = travelled()
    with pytest.raises(ProtocolError, match="wrong size"):
        measures_from_reply(header, blob[:change] if change < 0 else blob + bytes(change), **ASKED)


LIES = [True, "", [], {}, -1, 2**40, 2**63, 10**400, 0.5, -0.5, 1e308, math.inf, -math.inf, math.nan, {"x": 1}]


def may_be(name: str, said: Any) -> bool:
    """Tell whether a lie can't be told from a true value: any small level, any share, any text."""
    if type(said) is str:
        return name == "layout"
    small = type(said) in {int, float} and abs(said) <= 1
    positive = name in {"interlaced", "lra_lu", "start_s"}
    return small and (name.endswith(("_lufs", "_db", "_dbtp")) or (positive and said > 0))


def test_every_lie_about_every_count_and_number_is_refused() -> None:
    header, blob = travelled()
    for part in ("pictures", "sound"):
        for name in header[part]:
            for lie in LIES:
                changed = copy.deepcopy(header)
                changed[part][name] = lie
                if may_be(name, lie):
                    continue
                with pytest.raises(ProtocolError):
                    measures_from_reply(changed, blob, **ASKED)
            changed = copy.deepcopy(header)
            del changed[part][name]
            with pytest.raises(ProtocolError):
                measures_from_reply(changed, blob, **ASKED)
        for lie in (*LIES[2:], []):
            with pytest.raises(ProtocolError):
                measures_from_reply({**header, part: lie}, blob, **ASKED)
        with pytest.raises(ProtocolError):
            measures_from_reply({**header, part: {**header[part], "more": 1}}, blob, **ASKED)
    with pytest.raises(ProtocolError):
        measures_from_reply({**header, "more": 1}, blob, **ASKED)


@pytest.mark.parametrize("counts", [{"frames": MAX_FRAMES + 1}, {"frames": 0, "looks": 0}, {"frames": 1, "looks": 2}])
def test_an_impossible_number_of_frames_is_refused_before_the_blob_is_looked_at(counts: dict[str, int]) -> None:
    with pytest.raises(ProtocolError, match="number of frames"):
        measures_from_reply(
            {"pictures": {"frames": 1, "looks": 0, "interlaced": 0, **counts}, "sound": None}, b"", **ASKED
        )


@pytest.mark.parametrize("name", ["curve", "blocks", "bins"])
def test_more_values_than_the_sound_is_long_are_refused(name: str) -> None:
    header, _ = travelled()
    header["sound"][name] = 1_000_000
    with pytest.raises(ProtocolError, match="impossible length of sound"):
        measures_from_reply(header, bytes(100_000_000), **ASKED)


def lies_about(column: BlobColumn) -> list[float]:
    """Return numbers that no true column of this kind has."""
    if column.dtype is np.uint8:
        return [2]
    return [math.nan, math.inf, column.most * 2 + 1, column.least * 2 - 1, *([] if column.silent else [-math.inf])]


def test_a_number_out_of_range_in_any_column_is_refused() -> None:
    for part, columns in (("pictures", PICTURE_COLUMNS), ("sound", SOUND_COLUMNS)):
        for name, column in columns.items():
            if name == "small":
                continue  # all that it can hold is possible
            for lie in lies_about(column):
                film, track = pictures(), sound()
                values = getattr(film if part == "pictures" else track, name)
                header, blob = measures_to_reply(Measures(film, track))
                raw = values.astype(column.dtype).tobytes()
                begin = bytes(blob).index(raw)
                flat = values.astype(column.dtype).reshape(-1)
                flat[-1] = lie
                lying = bytes(blob)[:begin] + flat.tobytes() + bytes(blob)[begin + len(raw) :]
                with pytest.raises(ProtocolError, match="out of range"):
                    measures_from_reply(header, lying, **ASKED)


def test_frames_out_of_order_are_refused() -> None:
    film = pictures()
    film.times_s[:] = film.times_s[::-1].copy()
    with pytest.raises(ProtocolError, match="out of order"):
        measures_from_reply(*measures_to_reply(Measures(film, None)), **ASKED)


def test_odd_numbers_of_an_honest_worker_are_brought_into_their_range() -> None:
    """A film of odd bytes may lead to them: that is no lie, and its worker isn't killed for it."""
    film, track = pictures(), sound()
    film.blur[:] = math.nan, math.inf
    film.sharpness[0] = 1e30
    track.dc[0] = math.nan
    track.momentary_lufs[:] = math.nan, math.inf, -1e9, -20
    back = measures_from_reply(*measures_to_reply(Measures(film, track)), **ASKED)
    assert isinstance(back.pictures, PictureMeasures)
    assert isinstance(back.sound, SoundMeasures)
    assert 0.0 == back.pictures.blur[0] == back.sound.dc[0]
    assert [-math.inf, 200.0, -math.inf, -20.0] == back.sound.momentary_lufs.tolist()


def test_how_large_an_answer_may_be_follows_from_what_was_asked() -> None:
    film, both = (max_measures_bytes(pictures=True, sound=sound) for sound in (False, True))
    heard = max_measures_bytes(pictures=False, sound=True)
    assert 0 < heard < both == film + heard == max_measures_bytes(**ASKED)


@pytest.fixture
def own(hostile_ops: None) -> Iterator[MediaPool]:  # noqa: ARG001 - sets the environment first
    with MediaPool(1, timeout_s=30, memory_bytes=600_000_000) as pool:
        yield pool


def test_a_worker_that_lies_about_measures_is_killed_and_only_that_video_fails(
    own: MediaPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_sound(tmp_path / "tone.mov", levels((-20.0, 1.0)))
    header, blob = travelled()
    lies = [({**header, "sound": None}, len(blob)), (header, len(blob) - 1), ({"pictures": 7, "sound": None}, 0)]
    ask = WorkerProcess.ask
    for said, size in lies:
        own.warm()
        (before,) = own.pids()
        lie = {"op": "lie", "reply": said, "blob_bytes": size}

        def changed(child: WorkerProcess, request: Message, most: int, *, in_parts: bool, lie: Message = lie) -> None:
            ask(child, {**request, **lie}, most, in_parts=in_parts)

        monkeypatch.setattr(WorkerProcess, "ask", changed)
        with pytest.raises(LimitError, match="answered nonsense"):
            own.measure(path, timeout_s=30)
        monkeypatch.setattr(WorkerProcess, "ask", ask)
        assert before not in own.pids()
        assert isinstance(own.measure(path, timeout_s=30).sound, SoundMeasures)
