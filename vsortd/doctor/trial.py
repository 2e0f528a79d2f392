"""A clip sorted by the real daemon, undone and compared: all parts together, in a folder of its own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from vsortd.core.units import about_duration
from vsortd.doctor.demo_clips import CLIPS, drop
from vsortd.doctor.finding import Finding, Severity
from vsortd.errors import VsortdError

_NAME = "sorting a clip"
_CONFIG = """\
version: 2
inboxes:
  - {{path: {inbox}, settle: 200ms, incomplete_after: 1s}}
library: {library}
model: sample
rules:
  - {{name: forest, prompts: [forest, trees in a wood]}}
  - {{name: sea, prompts: [sea, ocean waves]}}
  - {{name: city, prompts: [city, buildings]}}
"""
_WANTED = Path("Sorted") / "forest" / "walk.mp4"
# The daemon loads the model, looks at one short clip and ends: seconds.
_PATIENCE_S = 120.0


def sorting() -> Finding:
    """Sort a clip with the sample model, end to end."""
    began_s = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="vsortd-doctor-") as folder:
            trouble = _sort(Path(folder))
    except (OSError, subprocess.TimeoutExpired) as error:
        trouble = f"{error}"
    except VsortdError as error:
        trouble = error.title
    if trouble:
        return Finding(_NAME, Severity.FAIL, trouble, "See it happen: vsortd demo --keep")
    took = about_duration(time.monotonic() - began_s)
    return Finding(_NAME, Severity.OK, f"a clip was filed and undone, the same bytes came back; took {took}")


def _sort(folder: Path) -> str:
    """Return what went wrong, "" if nothing did."""
    inbox, library = folder / "Inbox", folder / "Sorted"
    inbox.mkdir()
    library.mkdir()
    config = folder / "vsortd.yaml"
    config.write_text(_CONFIG.format(inbox=inbox, library=library), encoding="utf-8")
    clip = drop(CLIPS[0], inbox / "walk.mp4")
    before = _sha256(clip)
    ran = _vsortd(folder, config, "run", "--once")
    if ran.returncode != 0:
        return f"`vsortd run --once` ended with {ran.returncode}: {_last_line(ran.stderr)}"
    if not (folder / _WANTED).is_file():
        items = _items(_vsortd(folder, config, "history", "--json").stdout)
        told = f"{items[0]['state']}: {items[0]['reason']}" if items else "the history is empty"
        return f"the clip is not in {_WANTED.parent} ({told})"
    undone = _vsortd(folder, config, "undo", "--all")
    if undone.returncode != 0 or not clip.is_file():
        return f"`vsortd undo --all` ended with {undone.returncode}: {_last_line(undone.stdout + undone.stderr)}"
    return "" if _sha256(clip) == before else "the clip came back with other bytes"


def _vsortd(folder: Path, config: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a person would, apart from the user's own config and state."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "vsortd", *argv],
        env={**os.environ, "VSORTD_STATE_DIR": str(folder / "state"), "VSORTD_CONFIG": str(config)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=_PATIENCE_S,
        check=False,
    )


def _items(text: str) -> list[dict[str, Any]]:
    try:
        items: list[dict[str, Any]] = json.loads(text)["items"]
    except (ValueError, KeyError):
        return []
    return items


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
