"""What `check` says of conditions that are valid, but that no video meets, or that can't be measured here."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import harness
from vsortd.analysis.arousal import PACING_NAMES, pace_of
from vsortd.config.condition_options import When
from vsortd.config.condition_warnings import condition_warnings
from vsortd.core.measured_facts import CUTS_ABOVE, Pace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        ({"has_audio": False, "min_loudness": -30.0, "max_true_peak": 0.0}, ["min_loudness", "max_true_peak"]),
        ({"has_audio": False, "silent": False}, ["silent"]),
        ({"has_audio": False, "silent": True}, []),
        ({"has_audio": True, "silent": True}, []),
        ({"silent": True, "min_loudness": -69.0}, ["min_loudness"]),
        ({"silent": True, "min_loudness": -70.0}, []),
        ({"silent": True, "min_music_share": 0.1}, ["min_music_share"]),
        ({"silent": True, "min_music_share": 0.0, "max_music_share": 0.0}, []),
        ({"has_audio": False, "min_music_share": 0.1}, ["min_music_share"]),
        ({"silent": False, "min_loudness": -30.0}, []),
        ({"pacing": ["fast", "very_fast"], "max_shots_per_minute": 10}, ["max_shots_per_minute"]),
        ({"pacing": ["fast", "very_fast"], "max_shots_per_minute": 11}, []),
        ({"pacing": ["slow", "very_fast"], "max_shots_per_minute": 3}, []),
        ({"resolution_class": ["SD", "HD"], "min_width": 1000, "min_height": 1000}, ["resolution_class"]),
        ({"resolution_class": ["SD", "HD"], "min_width": 1000, "min_height": 999}, []),
        ({"resolution_class": ["SD", "HD"], "min_width": 1920}, []),
        ({"resolution_class": "4K", "max_height": 1999}, ["resolution_class"]),
        ({"resolution_class": "4K", "max_height": 2000}, []),
        ({"resolution_class": ["4K", "SD"], "max_height": 1080}, []),
        ({"resolution_class": "SD", "max_width": 10}, []),
    ],
)
def test_what_no_video_can_meet_is_named(options: dict[str, Any], keys: list[str]) -> None:
    assert keys == [warning.key for warning in condition_warnings(When.model_validate(options))]


@pytest.mark.parametrize("pace", CUTS_ABOVE)
def test_what_is_said_of_a_pace_is_what_it_is_told_by(pace: Pace) -> None:
    least = CUTS_ABOVE[pace]
    assert PACING_NAMES[pace] is pace_of(least + 0.1) is not pace_of(least)
    (warning,) = condition_warnings(When.model_validate({"pacing": pace, "max_shots_per_minute": least}))
    assert f"more than {least:g}" == warning.allowed
    assert [] == list(condition_warnings(When.model_validate({"pacing": pace, "max_shots_per_minute": least + 0.1})))


def test_check_tells_of_it_with_the_line(tmp_path: Path) -> None:
    rules = "rules:\n  - name: a\n    rules:\n      - name: b\n        when:\n          silent: true\n"
    home = harness.Here.make(tmp_path / "home", rules=f"{rules}          min_loudness: -20\n")
    (warning,) = home.json("check")["warnings"]
    line = home.config.read_text().splitlines().index("          min_loudness: -20") + 1
    assert ("rules[0].rules[0].when.min_loudness", line) == (warning["path"], warning["line"])


@pytest.mark.parametrize(
    ("options", "extra"),
    [
        ({"max_speech_share": 0.5}, "audio"),
        ({"min_music_share": 0.5, "max_music_share": 1.0}, "audio"),
        ({"text": "exit"}, "ocr"),
    ],
)
def test_what_lacks_a_package_is_told_of(monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], extra: str) -> None:
    when = When.model_validate(options)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    (warning,) = condition_warnings(when)
    assert (next(iter(options)), f"vsortd[{extra}]") == (warning.key, warning.allowed.split("'")[1])
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    assert [] == list(condition_warnings(when))
