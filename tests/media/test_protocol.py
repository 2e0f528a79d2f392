"""Nothing that a subverted worker says is believed unchecked."""

from __future__ import annotations

import io
import json
import struct
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import SOUND_CLIP as CLIP
from vsortd.core.video_facts import Stream
from vsortd.errors import BrokenError, ChangedError, IncompleteError, LimitError, VideoError
from vsortd.media import protocol
from vsortd.media.frames import Frames
from vsortd.media.protocol import ProtocolError


def plain_clip() -> dict[str, Any]:
    """Return the clip as it looks after its way through the pipe."""
    return dict(json.loads(json.dumps(protocol.clip_to_message(CLIP))))


def travel(header: dict[str, Any], blob: bytes = b"", limit: int = 100) -> tuple[dict[str, Any], bytes] | None:
    pipe = io.BytesIO()
    protocol.send(pipe, header, blob)
    pipe.seek(0)
    return protocol.receive(pipe, lambda: limit)


def test_a_message_arrives_as_it_was_sent() -> None:
    assert ({"op": "x", "path": "a\udcff"}, b"123") == travel({"op": "x", "path": "a\udcff"}, b"123")


def test_the_end_of_the_stream_is_none_even_inside_a_message() -> None:
    assert protocol.receive(io.BytesIO(b""), lambda: 0) is None
    assert protocol.receive(io.BytesIO(struct.pack(">IQ", 10, 0) + b"{}"), lambda: 0) is None


@pytest.mark.parametrize("data", [struct.pack(">IQ", 2**31, 0), struct.pack(">IQ", 2, 2**60) + b"{}"])
def test_sizes_are_refused_before_memory_is_taken(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        protocol.receive(io.BytesIO(data), lambda: 1 << 20)


@pytest.mark.parametrize("text", [b"[]", b"nonsense", b"[" * 100_000])
def test_a_header_that_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        protocol.receive(io.BytesIO(struct.pack(">IQ", len(text), 0) + text), lambda: 0)


def test_a_clip_travels_whole() -> None:
    assert protocol.clip_from_message(plain_clip()) == CLIP


@pytest.mark.parametrize(
    "change",
    [
        {"width_px": "4"},
        {"width_px": 0},
        {"width_px": True},
        {"duration_s": float("nan")},
        {"duration_s": -1.0},
        {"fps": None},
        {"streams": "x"},
        {"streams": [{"index": 0}]},
        {"tags": {"a": 1}},
        {"more": 1},
    ],
)
def test_a_clip_with_one_odd_value_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        protocol.clip_from_message({**plain_clip(), **change})


@pytest.mark.parametrize(
    "change",
    [
        {"metadata_keys": "mdta"},
        {"metadata_keys": [7]},
        {"metadata_keys": ["x"] * 65},
        {"frames": -1},
        {"frames": 1.5},
        {"duration_s": float("inf")},
        {"start_s": float("nan")},
        {"codec_tag": None},
    ],
)
def test_a_stream_with_odd_facts_is_refused(change: dict[str, Any]) -> None:
    raw = plain_clip()
    raw["streams"][1] |= change
    with pytest.raises(ProtocolError):
        protocol.clip_from_message(raw)


def test_what_a_live_photo_says_survives_the_way() -> None:
    clip = protocol.clip_from_message({**plain_clip(), "tags": {"com.apple.quicktime.content.identifier": "A-1"}})
    assert ("A-1", True) == (clip.content_identifier, clip.has_still_image_time)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_no_json_at_all_passes_for_a_clip(raw: object) -> None:
    with pytest.raises(ProtocolError):
        protocol.clip_from_message(raw)


def test_text_in_a_clip_has_no_control_characters() -> None:
    raw = {**plain_clip(), "camera": "a\x1b[31m\nb"}
    assert protocol.clip_from_message(raw).camera == "a [31m b"


@pytest.mark.parametrize(
    ("header", "size"),
    [
        ({"times_ms": [0], "exact": 0}, 11),
        ({"times_ms": [0, 1, 2], "exact": 0}, 36),
        ({"times_ms": [-1], "exact": 0}, 12),
        ({"times_ms": [2**70], "exact": 0}, 12),
        ({"times_ms": ["0"], "exact": 0}, 12),
        ({"times_ms": [0], "exact": 2}, 12),
        ({"exact": 0}, 0),
    ],
)
def test_frames_that_do_not_fit_what_was_asked_are_refused(header: dict[str, Any], size: int) -> None:
    with pytest.raises(ProtocolError):
        protocol.frames_from_message(header, bytes(size), most=2, side_px=2)


def test_frames_travel_whole() -> None:
    frames = Frames(np.array([5, 9]), np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3), 1)
    header, blob = protocol.frames_to_message(frames)
    back = protocol.frames_from_message(header, blob, most=2, side_px=2)
    assert (back.times_ms.tolist(), back.exact) == ([5, 9], 1)
    assert np.array_equal(back.pixels, frames.pixels)


def test_an_error_keeps_its_kind_and_its_sentence() -> None:
    error = protocol.error_from({"error": "incomplete", "reason": "it ends\nearly"})
    assert isinstance(error, IncompleteError)
    assert error.reason == "it ends early"


@pytest.mark.parametrize(
    "header", [{"error": "VideoError", "reason": "x"}, {"error": 1, "reason": "x"}, {"error": "broken"}]
)
def test_an_unknown_error_is_refused(header: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        protocol.error_from(header)


STREAM = json.loads(json.dumps(asdict(Stream(0, "video", "h264"))))


class Trickle(io.BytesIO):
    """A pipe that gives three bytes at a time."""

    def readinto(self, buffer: Any) -> int:
        """Read three bytes at most."""
        piece = self.read(min(3, len(buffer)))
        buffer[: len(piece)] = piece
        return len(piece)


def message(header_bytes: int, blob_bytes: int = 0) -> bytes:
    """Return a message whose header is of a length."""
    return struct.pack(">IQ", header_bytes, blob_bytes) + b'{"a":"' + b"x" * (header_bytes - 8) + b'"}'


def test_a_message_that_comes_in_pieces_arrives_whole() -> None:
    pipe = Trickle()
    protocol.send(pipe, {"op": "x"}, b"1234567")
    protocol.send(pipe, {"op": "y"})
    pipe.seek(0)
    assert ({"op": "x"}, b"1234567") == protocol.receive(pipe, lambda: 7)
    assert ({"op": "y"}, b"") == protocol.receive(pipe, lambda: 0)
    assert protocol.receive(pipe, lambda: 0) is None


def test_a_message_is_sent_at_once() -> None:
    raw = io.BytesIO()
    pipe = io.BufferedWriter(raw)  # type: ignore[type-var]
    protocol.send(pipe, {}, b"12")
    assert struct.pack(">IQ", 2, 2) + b"{}12" == raw.getvalue()


@pytest.mark.parametrize("cut", [1, 11, 12, 13, 14, 15, 17])
def test_a_message_that_breaks_off_anywhere_is_the_end(cut: int) -> None:
    whole = struct.pack(">IQ", 2, 4) + b"{}1234"
    assert protocol.receive(io.BytesIO(whole[:cut]), lambda: 4) is None
    assert ({}, b"1234") == protocol.receive(io.BytesIO(whole), lambda: 4)


def test_the_longest_header_and_the_largest_blob_are_taken_and_not_a_byte_more() -> None:
    assert protocol.receive(io.BytesIO(message(1 << 20)), lambda: 0) is not None
    with pytest.raises(ProtocolError, match=r"^a message of 1048577 \+ 0 bytes$"):
        protocol.receive(io.BytesIO(message((1 << 20) + 1)), lambda: 0)
    assert ({"a": ""}, b"123") == travel({"a": ""}, b"123", limit=3)
    with pytest.raises(ProtocolError, match=r"^a message of 9 \+ 4 bytes$"):
        travel({"a": ""}, b"1234", limit=3)


@pytest.mark.parametrize("kind", [BrokenError, IncompleteError, ChangedError, LimitError])
def test_every_kind_of_error_travels_under_a_name_of_its_own(kind: type[VideoError]) -> None:
    name = protocol.error_kind(kind("why"))
    assert kind is type(protocol.error_from({"error": name, "reason": "why"}))


def test_an_error_of_another_kind_travels_as_broken_and_none_as_none() -> None:
    assert "broken" == protocol.error_kind(VideoError("why"))
    assert protocol.error_from({"times_ms": []}) is None


def test_text_is_cut_to_what_is_shown() -> None:
    error = protocol.error_from({"error": "limit", "reason": "x" * 501})
    assert error is not None
    assert "x" * 500 == error.reason
    assert "x" * 1024 == protocol.cleaned("x" * 1025)
    assert "a b" == protocol.cleaned(" a\nbc", 4)
    tagged = protocol.clip_from_message({**plain_clip(), "tags": {"a\n" * 600: "b" * 1025}})
    assert {("a " * 512).strip(): "b" * 1024} == tagged.tags


@pytest.mark.parametrize(
    "change",
    [
        {"width_px": 1, "height_px": 1, "shown_width_px": 1, "shown_height_px": 1},
        {"duration_s": 0.0, "fps": 0.0},
        {"tags": {}},
        {"streams": [STREAM]},
        {"streams": [{**STREAM, "index": place} for place in range(1024)], "video_index": 1023},
    ],
)
def test_a_clip_at_the_edge_of_what_may_be_is_taken(change: dict[str, Any]) -> None:
    raw = {**plain_clip(), **change}
    assert raw == json.loads(json.dumps(protocol.clip_to_message(protocol.clip_from_message(raw))))


@pytest.mark.parametrize(
    "change",
    [
        {"height_px": 0},
        {"shown_width_px": 0},
        {"shown_height_px": 0},
        {"shown_height_px": -4},
        {"fps": float("inf")},
        {"fps": -0.5},
        {"duration_s": float("inf")},
        {"hdr": 1},
        {"hdr": None},
        {"camera": 5},
        {"container_duration_s": "1"},
        {"width_px": 4.0},
        {"tags": [["a", "b"]]},
        {"tags": {"a": "b", "c": None}},
        {"streams": {}},
        {"streams": [{**STREAM, "index": place} for place in range(1025)]},
        {"streams": [STREAM] * 2},
        {"streams": []},
        {"video_index": 2},
        {"video_index": -1},
        {"width_px": 2**31},
        {"frames": 2**63},
        {"duration_s": 1e30},
        {"bit_depth": 65},
        {"rotation_deg": 361},
        {"streams": [{**STREAM, "index": "0"}]},
    ],
)
def test_a_clip_beyond_what_may_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        protocol.clip_from_message({**plain_clip(), **change})


@pytest.mark.parametrize("missing", ["camera", "tags", "width_px"])
def test_a_clip_that_lacks_a_field_is_refused(missing: str) -> None:
    raw = plain_clip()
    del raw[missing]
    with pytest.raises(ProtocolError, match="no Clip"):
        protocol.clip_from_message(raw)


def test_a_whole_number_is_a_number_with_a_point_too() -> None:
    clip = protocol.clip_from_message({**plain_clip(), "fps": 25, "duration_s": 2})
    assert [float, float] == [type(clip.fps), type(clip.duration_s)]
    assert (25.0, 2.0) == (clip.fps, clip.duration_s)


def test_what_is_wrong_with_a_clip_is_named() -> None:
    with pytest.raises(ProtocolError, match=r"^Clip\.width_px is no int$"):
        protocol.clip_from_message({**plain_clip(), "width_px": "4"})
    with pytest.raises(ProtocolError, match=r"^no Stream$"):
        protocol.clip_from_message({**plain_clip(), "streams": [1]})


@pytest.mark.parametrize(
    ("times", "exact"), [([0, 1], 0), ([0, 1], 2), ([], 0), ([2**53 - 1], 1), ([5, 5], 1)]
)  # fmt: skip
def test_frames_at_the_edge_of_what_may_be_are_taken(times: list[int], exact: int) -> None:
    frames = protocol.frames_from_message(
        {"times_ms": times, "exact": exact}, bytes(12 * len(times)), most=2, side_px=2
    )
    assert (times, exact, (len(times), 2, 2, 3)) == (frames.times_ms.tolist(), frames.exact, frames.pixels.shape)
    assert (np.int64, np.uint8) == (frames.times_ms.dtype, frames.pixels.dtype)


@pytest.mark.parametrize(
    ("header", "size"),
    [
        ({"times_ms": [0, 1, 2], "exact": 1}, 36),
        ({"times_ms": [2**53], "exact": 1}, 12),
        ({"times_ms": [True], "exact": 1}, 12),
        ({"times_ms": {"0": 1}, "exact": 0}, 12),
        ({"times_ms": [0], "exact": True}, 12),
        ({"times_ms": [0], "exact": -1}, 12),
        ({"times_ms": [0], "exact": None}, 12),
        ({"times_ms": [0]}, 12),
        ({"times_ms": [0], "exact": 0}, 13),
        ({"times_ms": [0, -1], "exact": 0}, 24),
    ],
)
def test_frames_beyond_what_may_be_are_refused(header: dict[str, Any], size: int) -> None:
    with pytest.raises(ProtocolError):
        protocol.frames_from_message(header, bytes(size), most=2, side_px=2)


def test_frames_travel_whole_whatever_their_layout_and_none_at_all_too() -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(2, 2, 4, 3)[:, :, ::2]
    header, blob = protocol.frames_to_message(Frames(np.array([5, 9]), pixels, 2))
    assert ({"times_ms": [5, 9], "exact": 2}, pixels.tobytes()) == (header, bytes(blob))
    header, blob = protocol.frames_to_message(Frames(np.zeros(0, np.int64), np.zeros((0, 2, 2, 3), np.uint8), 0))
    assert ({"times_ms": [], "exact": 0}, b"") == (header, bytes(blob))
