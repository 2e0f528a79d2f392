"""What files of videos and of sound are called, for telling what is meant; what a file is, its bytes say."""

from __future__ import annotations

from typing import Final

from vsortd.core.containers import ENDINGS

VIDEO_ENDINGS: Final = frozenset(f".{ending}" for ending in (*ENDINGS, "ogv", "mxf"))
SOUND_ENDINGS: Final = frozenset(
    ".mp3 .m4a .aac .ac3 .wav .aif .aiff .caf .flac .ogg .oga .opus .amr".split()  # noqa: SIM905 - a list
)
