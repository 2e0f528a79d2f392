"""The demo is the quick start: it must end well on a machine with nothing but Python."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_demo_files_and_undoes_everything_and_proves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    picture = tmp_path / "demo.svg"
    done = subprocess.run(
        [sys.executable, "-m", "vsortd", "demo", "--picture", str(picture)],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "14 of 14 files are back under their names, the same by SHA-256; 0 left in the library" in done.stdout
    assert "_Duplicates" in done.stdout
    assert "half copied.mp4 stays where it is" in done.stdout
    assert [] == list(tmp_path.glob("vsortd-demo-*")), "the demo's folder was left behind"
    svg = picture.read_text(encoding="utf-8")
    assert "<svg" in svg
    assert "url(" not in svg.replace("url(#", "(#"), "the picture loads something from somewhere"
