"""When a video was recorded, through the real command in three time zones: its name, and rules that ask for days."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import av
import pytest

from tests.sample_model.canvas import Light
from tests.sample_model.renderer import Subject
from tests.support import harness
from tests.support.clips import render_scene
from tests.support.zones import zone

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="Windows takes its time zone from the system alone"),
    pytest.mark.timeout(60),
]

RULES = """\
rules:
  - {name: until, prompts: [a forest, trees in a wood], when: {recorded_before: 2023-05-02}}
  - {name: since, prompts: [a forest, trees in a wood], when: {recorded_since: 2023-05-02}}
"""
# What Android, ffmpeg and most cameras write: the header's time, which is UTC by its format.
ANDROID = {"creation_time": "2023-05-01T22:30:00Z"}
# What iPhones write as well: the clock on the wall where it was.
APPLE = {"creation_time": "2023-04-30T22:30:00Z", "com.apple.quicktime.creationdate": "2023-05-01T00:30:00+0200"}
LONDON = {"creation_time": "2023-05-01T22:30:00Z", "com.apple.quicktime.creationdate": "2023-05-01T22:30:00+0000"}
# The headers' zero: a clock that was never set.
NEVER = {"creation_time": "1904-01-01T00:00:00Z"}


def _dated(path: Path, tags: Mapping[str, str]) -> Path:
    """Give a clip the tags, without encoding it anew."""
    plain = render_scene(path.with_name(f"{path.stem}-plain.mp4"), Subject.FOREST, Light.DAY, seed=3, frames=24, fps=12)
    options = {"movflags": "use_metadata_tags"}
    with av.open(os.fspath(plain)) as source, av.open(os.fspath(path), "w", options=options) as target:
        target.metadata.update(tags)
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    plain.unlink()
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("place", "android", "never"),
    [
        ("Europe/Berlin", "since/2023-05-02 00-30-00 android", "2023-11-14 23-13-20 never"),
        ("America/Los_Angeles", "until/2023-05-01 15-30-00 android", "2023-11-14 14-13-20 never"),
        ("Asia/Kolkata", "since/2023-05-02 04-00-00 android", "2023-11-15 03-43-20 never"),
    ],
)
def test_utc_becomes_the_local_day_and_an_offset_keeps_the_cameras(
    tmp_path: Path, place: str, android: str, never: str
) -> None:
    home = harness.Here.make(tmp_path / "home", rules=RULES, more='place: {name: "{date} {time} {stem}"}\n')
    _dated(home.inbox / "android.mp4", ANDROID)
    _dated(home.inbox / "apple.mov", APPLE)
    _dated(home.inbox / "london.mov", LONDON)
    _dated(home.inbox / "never.mp4", NEVER)
    with zone(place):
        items = home.json("plan", home.inbox)["items"]
    found = {Path(item["source"]).stem: item["destination"] or item["reason"] for item in items}
    places = {name: Path(place).with_suffix("") for name, place in found.items()}
    assert home.library / android == places["android"]
    assert home.library / "until" / "2023-05-01 00-30-00 apple" == places["apple"]
    assert home.library / "until" / "2023-05-01 22-30-00 london" == places["london"]
    assert never == places["never"].name, "no date of its own: that of its last change"
