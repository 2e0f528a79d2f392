"""A video's media type comes from its first bytes; what is no video has none, whatever it is called."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.containers import KINDS, write_video
from vsortd.core.media_types import media_type_of

if TYPE_CHECKING:
    from pathlib import Path

TYPES = {
    "mp4": "video/mp4",
    "3gp": "video/mp4",
    "mkv": "video/x-matroska",
    "webm": "video/webm",
    "avi": "video/x-msvideo",
    "ts": "video/mp2t",
    "m2ts": "video/mp2t",
    "mpg": "video/mpeg",
    "wmv": "video/x-ms-wmv",
    "flv": "video/x-flv",
}


def type_of(path: Path) -> str | None:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        return media_type_of(descriptor, path.stat().st_size)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("kind", KINDS)
def test_a_real_file_of_each_container_has_its_type_under_any_name(tmp_path: Path, kind: str) -> None:
    path = write_video(tmp_path / "page.html", frames=10, kind=kind)
    assert TYPES[kind] == type_of(path)


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "video/quicktime"),
        (b"\0\0\0\x08wide\0\0\0\x08mdat", "video/quicktime"),
        (b"\0\0\0\x14ftypM4V \0\0\0\0M4V ", "video/mp4"),
        (b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x10", "video/quicktime"),  # a size of 64 bits
        (b"\0\0\0\x00mdat", "video/quicktime"),  # up to the end
        (b"\0\0\0\x14ftypavif\0\0\0\0avif", None),
        (b"\0\0\0\x14ftypheic\0\0\0\0heic", None),
        (b"<!--moov--><script>alert(1)</script>" + bytes(4096), None),  # a box of a gigabyte, as it says
        (b"<!doctype html><script>alert(1)</script>", None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        (b"%PDF-1.7", None),
        (b"\x89PNG\r\n\x1a\n", None),
        (b"#EXTM3U\nhttp://127.0.0.1/", None),
        (b"\x1aE\xdf\xa3\x84B\x82\x84webm", "video/x-matroska"),  # cut off before its kind is told
        (b"", None),
        (b"\0\0\0", None),
    ],
)
def test_the_first_bytes_decide(tmp_path: Path, data: bytes, media_type: str | None) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(data)
    assert media_type == type_of(path)
