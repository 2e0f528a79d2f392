"""Conditions, `contains`, and tags through the real command on real clips."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support import harness

RULES = """\
tags:
  - name: white
    contains: {prompts: [snow, snowy landscape], min_score: 0.5, min_duration: 0.2s}
  - name: silent
    when: {has_audio: false}
rules:
  - name: city
    prompts: [city, city street]
  - name: 冬
    contains: {prompts: [snow, snowy landscape], min_score: 0.6, min_duration: 0.5s}
  - name: Портрет
    when: {orientation: portrait}
    rules:
      - {name: hevc, when: {codec: h265}}
      - {name: other, when: {file_name: "*"}}
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def sorted_clips(tmp_path: Path, clips: Path) -> tuple[harness.Home, dict[str, dict[str, object]]]:
    home = harness.Home.make(tmp_path / "home", rules=RULES)
    for name in (
        "pigallery2__20240128_105420.mp4",
        "streamio-ffmpeg__file_with_data_streams.mp4",
        "decord__video_90.mov",
        "rails__rotated_hdr_video.mov",
    ):
        shutil.copy(clips / name, home.inbox / name)
    items = home.json("sort", home.inbox)["items"]
    return home, {Path(item["source"]).name: item for item in items}


def test_rules_take_what_meets_their_conditions_or_contains_something(
    sorted_clips: tuple[harness.Home, dict[str, dict[str, object]]],
) -> None:
    home, items = sorted_clips
    assert "冬" == items["pigallery2__20240128_105420.mp4"]["rule"]
    assert "contains 'snow'" in str(items["pigallery2__20240128_105420.mp4"]["reason"])
    assert "city" == items["streamio-ffmpeg__file_with_data_streams.mp4"]["rule"]
    assert "Портрет/other" == items["decord__video_90.mov"]["rule"]
    assert "Портрет/hevc" == items["rails__rotated_hdr_video.mov"]["rule"]
    assert (home.library / "Портрет" / "other" / "decord__video_90.mp4").is_file()
    assert [] == home.json("undo", "--all")["refused"]


@pytest.mark.long
def test_tags_stand_in_the_history_and_can_be_asked_for(
    sorted_clips: tuple[harness.Home, dict[str, dict[str, object]]],
) -> None:
    home, items = sorted_clips
    assert ["white"] == [tag for tag in items["pigallery2__20240128_105420.mp4"]["tags"] if tag == "white"]  # type: ignore[attr-defined]
    tagged = home.json("history", "--tag", "white")["items"]
    assert ["pigallery2__20240128_105420.mp4"] == [Path(item["source"]).name for item in tagged]
    assert "[white" in home.run("history", "--tag", "white").stdout
    assert "No video has the tag nonsense." in home.run("history", "--tag", "nonsense").stdout
