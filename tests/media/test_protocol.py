"""Nothing that a subverted worker says is believed unchecked."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsortd.core.video_facts import Clip, Stream
from vsortd.errors import IncompleteError
from vsortd.media import protocol
from vsortd.media.frames import Frames
from vsortd.media.protocol import ProtocolError

CLIP = Clip(
    container="mp4",
    brand="isom",
    width_px=4,
    height_px=2,
    shown_width_px=4,
    shown_height_px=2,
    rotation_deg=0,
    duration_s=1.0,
    container_duration_s=1.0,
    fps=25.0,
    frames=25,
    video_index=0,
    video_codec="h264",
    pixel_format="yuv420p",
    bit_depth=8,
    hdr=False,
    fragmented=False,
    streams=(
        Stream(0, "video", "h264", codec_tag="avc1", frames=25, duration_s=1.0),
        Stream(1, "data", "", codec_tag="mebx", metadata_keys=("com.apple.quicktime.still-image-time",)),
    ),
    tags={"title": "x"},
)


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
