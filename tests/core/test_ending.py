"""The line that tells people what became of a video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vsortd.core.ending import Ending

LIBRARY = Path("/lib")
REVIEWED: dict[str, Any] = {"state": "review", "rule": "", "reason": "unsure: sea 0.4 is under min_score 0.5"}


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        (
            {"destination": LIBRARY / "forest/night/owls.mp4", "rule": "forest/night", "reason": "forest/night: 0.98"},
            "filed    owls.mp4 → forest/night  0.98",
        ),
        (
            {"destination": LIBRARY / "sea/owls (2).mp4", "rule": "sea", "reason": "sea: 0.91; remux: h264"},
            "filed    owls.mp4 → sea/owls (2).mp4  0.91; remux: h264",
        ),
        (
            {"destination": LIBRARY / "_Review/owls.mp4", **REVIEWED},
            "review   owls.mp4 → _Review  unsure: sea 0.4 is under min_score 0.5",
        ),
        (
            {"state": "failed", "destination": None, "reason": "it is no video"},
            "failed   owls.mp4 stays where it is: it is no video",
        ),
        (
            {"state": "rejected", "destination": None, "reason": "the same lies at /lib/sea/owls.mp4"},
            "rejected owls.mp4 stays where it is: the same lies at sea/owls.mp4",
        ),
        ({"destination": Path("/else/owls.mp4"), "reason": "taught"}, "filed    owls.mp4 → /else  taught"),
        ({"destination": LIBRARY / "owls.mp4", "reason": "taught"}, "filed    owls.mp4 → owls.mp4  taught"),
    ],
)
def test_a_line_tells_name_folder_and_why(facts: dict[str, Any], line: str) -> None:
    known = {"state": "filed", "rule": "", "source": Path("/in/owls.mp4"), "library": LIBRARY, **facts}
    ending = Ending.of(**known)
    assert line == f"{ending.padded_state} {ending.where} {ending.why}"


def test_a_folder_below_home_begins_with_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/srv/ann")
    known = {"state": "filed", "rule": "", "reason": "", "source": Path("/in/a.mp4"), "library": LIBRARY}
    assert "a.mp4 → ~/Other " == Ending.of(destination=Path("/srv/ann/Other/a.mp4"), **known).where
