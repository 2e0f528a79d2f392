"""Short films in any container, made by ffmpeg as people's files are, with all that may lie beside a film."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Final

from vsortd.media.ffmpeg import find_ffmpeg

if TYPE_CHECKING:
    from pathlib import Path

# What pictures and sound are coded as, in ffmpeg's words.
H264: Final = ("-c:v", "libx264", "-g", "12", "-pix_fmt", "yuv420p")
HEVC: Final = ("-c:v", "libx265", "-x265-params", "log-level=error:keyint=12", "-pix_fmt", "yuv420p")
MPEG4: Final = ("-c:v", "mpeg4", "-g", "12")
MPEG2: Final = ("-c:v", "mpeg2video", "-g", "12", "-bf", "2")
AAC: Final = ("-c:a", "aac")
COPY: Final = ("-map", "0", "-c", "copy")

_SUBTITLES: Final = "1\n00:00:00,500 --> 00:00:01,500\nHello\n"
_CHAPTERS: Final = ";FFMETADATA1\n" + "".join(
    f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={start + 1000}\ntitle={title}\n"
    for start, title in ((0, "One"), (1000, "Two"))
)


def film(path: Path, *coding: str, seconds: float = 2.0) -> Path:
    """Write a film of moving pictures and a tone, coded as told; the container is that of the path's ending."""
    pictures = f"testsrc2=s=160x120:r=24:d={seconds}"
    sound = f"sine=f=440:r=48000:d={seconds}"
    _run("-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", sound, *coding, path)
    return path


def again(path: Path, source: Path, *words: str | Path) -> Path:
    """Write a source anew, copied and with more words of ffmpeg's; further inputs may be among these."""
    _run("-i", source, *words, path)
    return path


def with_subtitles(path: Path, source: Path, codec: str) -> Path:
    """Add subtitles to a film."""
    text = path.with_suffix(".srt")
    text.write_text(_SUBTITLES, encoding="utf-8")
    again(path, source, "-i", text, "-map", "0", "-map", "1", "-c", "copy", "-c:s", codec)
    text.unlink()
    return path


def with_chapters(path: Path, source: Path) -> Path:
    """Give a film two chapters of a second."""
    text = path.with_suffix(".txt")
    text.write_text(_CHAPTERS, encoding="utf-8")
    again(path, source, "-i", text, "-map", "0", "-map_metadata", "1", "-c", "copy")
    text.unlink()
    return path


def with_attachment(path: Path, source: Path, kind: str) -> Path:
    """Attach a font (kind "font") or cover art (kind "cover") to a Matroska film."""
    attached = path.with_suffix(".ttf" if kind == "font" else ".jpg")
    if kind == "font":
        attached.write_bytes(b"\0\1\0\0" + bytes(200))
        mime = "application/x-truetype-font"
    else:
        _run("-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-frames:v", "1", attached)
        mime = "image/jpeg"
    words: list[str | Path] = [
        "-attach",
        attached,
        "-metadata:s:t",
        f"mimetype={mime}",
        "-metadata:s:t",
        f"filename={attached.name}",
    ]
    again(path, source, *COPY, *words)
    attached.unlink()
    return path


def joined(path: Path, source: Path) -> Path:
    """Put a film behind itself, byte by byte, as `cat` does."""
    path.write_bytes(source.read_bytes() * 2)
    return path


def cut_within(path: Path, source: Path, begin: int, end: int) -> Path:
    """Copy a file without the bytes from `begin` to `end`."""
    shutil.copyfile(source, path)
    data = path.read_bytes()
    path.write_bytes(data[:begin] + data[end:])
    return path


def _run(*words: str | Path) -> None:
    command = [str(find_ffmpeg(("libx264", "libx265", "aac"))), "-nostdin", "-v", "error", "-y", *map(str, words)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=60)
