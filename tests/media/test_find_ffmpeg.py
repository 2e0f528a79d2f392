"""Which ffmpeg is taken, and what is said where there is none."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import imageio_ffmpeg
import pytest

from vsortd.errors import VsortdError
from vsortd.media.ffmpeg import ffmpeg_version, find_ffmpeg

if TYPE_CHECKING:
    from pathlib import Path


def test_the_named_ffmpeg_is_taken_or_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSORTD_FFMPEG", str(tmp_path / "none"))
    with pytest.raises(VsortdError, match="no such file"):
        find_ffmpeg()
    fake = tmp_path / "ffmpeg"
    fake.write_text("#!/bin/sh\necho 'ffmpeg version 3.2.1 Copyright'\n", encoding="ascii")
    fake.chmod(0o755)
    monkeypatch.setenv("VSORTD_FFMPEG", str(fake))
    with pytest.raises(VsortdError, match=r"version 3\.2 is too old"):
        find_ffmpeg()
    monkeypatch.delenv("VSORTD_FFMPEG")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert imageio_ffmpeg.get_ffmpeg_exe() == str(find_ffmpeg())  # the one on PATH is too old


def test_without_the_extra_the_systems_ffmpeg_is_taken_or_the_remedy_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    monkeypatch.delenv("VSORTD_FFMPEG", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(VsortdError, match="No usable ffmpeg was found") as caught:
        find_ffmpeg()
    assert "Install ffmpeg 4.4 or newer, or: pip install 'vsortd[ffmpeg]'" in caught.value.remedy
    own = tmp_path / "ffmpeg"
    own.write_text("#!/bin/sh\necho 'ffmpeg version 6.1 Copyright'\n", encoding="ascii")
    own.chmod(0o755)
    assert own == find_ffmpeg()


@pytest.mark.parametrize(("text", "version"), [("5.1.9-0+deb12u1", (5, 1)), ("n7.0", (7, 0)), ("N-1234-gabc", (99, 0))])
def test_the_version_is_read(text: str, version: tuple[int, int], tmp_path: Path) -> None:
    fake = tmp_path / "ffmpeg"
    fake.write_text(f"#!/bin/sh\necho 'ffmpeg version {text} Copyright'\n", encoding="ascii")
    fake.chmod(0o755)
    assert version == ffmpeg_version(fake)
