"""`vsortd doctor` says how decoders are confined, on every kernel; `confine: require` insists on it, auto files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.sample_model.canvas import Light
from tests.sample_model.renderer import Subject
from tests.support.clips import render_scene
from tests.support.harness import Home
from tests.support.lesser_kernel import LANDLOCK, SECCOMP, without
from vsortd.core.system.confinement import offered
from vsortd.media.ffmpeg import find_ffmpeg

pytestmark = pytest.mark.skipif(not offered().whole, reason="this kernel offers no Landlock, or no seccomp")

ROOT = Path(__file__).parents[2]
NEITHER = (*LANDLOCK, SECCOMP)


def found_on(home: Home, *absent: int) -> dict[str, dict[str, Any]]:
    before = without(*absent) if absent else []
    command = [*before, sys.executable, "-m", "vsortd", "doctor", "--quick", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=home.environment, capture_output=True, check=False, timeout=120)
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


@pytest.mark.long
@pytest.mark.parametrize(
    ("absent", "level", "words"),
    [
        ((), "ok", "confined by Landlock "),
        (LANDLOCK, "warn", "confined only by seccomp"),
        ((SECCOMP,), "warn", "confined only by Landlock"),
        (NEITHER, "warn", "not confined"),
    ],
)
@pytest.mark.timeout(120)
def test_doctor_says_what_holds(tmp_path: Path, absent: tuple[int, ...], level: str, words: str) -> None:
    check = found_on(Home.make(tmp_path / "home"), *absent)["decoders"]
    assert (level, words) == (check["level"], check["found"][: len(words)])
    assert ("" == check["remedy"]) == (level == "ok")


@pytest.mark.long
@pytest.mark.parametrize("absent", [(), LANDLOCK])
@pytest.mark.timeout(120)
def test_what_is_required_and_missing_fails_with_a_remedy(tmp_path: Path, absent: tuple[int, ...]) -> None:
    home = Home.make(tmp_path / "home", more="workers: {confine: require}\n")
    check = found_on(home, *absent)["decoders"]
    if not absent:
        assert "ok" == check["level"]
        return
    assert "fail" == check["level"]
    assert "can't be confined here" in check["found"]
    assert "confine: auto" in check["remedy"]


@pytest.mark.long
@pytest.mark.timeout(240)
def test_where_confinement_is_missing_auto_files_and_require_files_nothing(tmp_path: Path) -> None:
    home = Home.make(tmp_path / "home")
    clip = render_scene(home.inbox / "walk.mp4", Subject.FOREST, Light.DAY, seed=7, frames=24, fps=12)
    sort = [*without(*NEITHER), sys.executable, "-m", "vsortd", "sort", str(clip)]
    home.config.write_text(home.config.read_text() + "workers: {confine: require}\n")
    done = subprocess.run(sort, cwd=ROOT, env=home.environment, capture_output=True, check=False, text=True)
    assert "can't be confined here" in done.stderr
    assert 0 != done.returncode
    assert clip.exists()
    home.config.write_text(home.config.read_text().replace("require", "auto"))
    subprocess.run(sort, cwd=ROOT, env=home.environment, capture_output=True, check=True)
    assert not clip.exists()
    assert ["walk.mp4"] == [path.name for path in home.library.rglob("*.mp4")]


@pytest.mark.long
@pytest.mark.timeout(120)
def test_an_ffmpeg_that_is_a_script_is_told(tmp_path: Path) -> None:
    home = Home.make(tmp_path / "home")
    assert "ok" == found_on(home)["ffmpeg's cell"]["level"]
    script = tmp_path / "ffmpeg"
    script.write_text(f'#!/bin/sh\nexec "{find_ffmpeg()}" "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    home.more_environment["VSORTD_FFMPEG"] = str(script)
    check = found_on(home)["ffmpeg's cell"]
    assert ("warn", True) == (check["level"], "runs only with all rights" in check["found"])
