"""Facts of a video that nobody has to read from a file."""

from __future__ import annotations

from typing import Any

from vsortd.core.video_facts import Clip, Stream

_FACTS: dict[str, Any] = {
    "container": "mp4",
    "brand": "isom",
    "width_px": 320,
    "height_px": 180,
    "rotation_deg": 0,
    "duration_s": 3.0,
    "fps": 10.0,
    "video_index": 0,
    "video_codec": "h264",
    "pixel_format": "yuv420p",
    "bit_depth": 8,
    "hdr": False,
    "fragmented": False,
}


def clip_facts(**changes: Any) -> Clip:
    """Return the facts of a small landscape MP4 of 3 s without sound, with `changes`.

    What follows from others follows, unless it is given: the container's duration, the number of frames, and the size
    as shown (turned where `rotation_deg` says so).
    """
    facts = {**_FACTS, **changes}
    turned = facts["rotation_deg"] % 180 != 0
    shown = (facts["height_px"], facts["width_px"]) if turned else (facts["width_px"], facts["height_px"])
    follows = {
        "shown_width_px": shown[0],
        "shown_height_px": shown[1],
        "container_duration_s": facts["duration_s"],
        "frames": round(facts["duration_s"] * facts["fps"]),
    }
    return Clip(**{**follows, **facts})


# Facts of a small video, with a track of metadata: each field as a worker may send it.
SOUND_CLIP = clip_facts(
    width_px=4,
    height_px=2,
    duration_s=1.0,
    fps=25.0,
    streams=(
        Stream(0, "video", "h264", codec_tag="avc1", frames=25, duration_s=1.0),
        Stream(1, "data", "", codec_tag="mebx", metadata_keys=("com.apple.quicktime.still-image-time",)),
    ),
    tags={"title": "x"},
)
