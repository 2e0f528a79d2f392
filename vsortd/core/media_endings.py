"""What files of videos and of sound are called, for telling what is meant; what a file is, its bytes say."""

from __future__ import annotations

from typing import Final

VIDEO_ENDINGS: Final = frozenset(
    ".mp4 .mov .m4v .qt .3gp .3g2 .mkv .webm .avi .mts .m2ts .ts .mpg .mpeg .vob .wmv .asf .flv .ogv .mxf".split()  # noqa: SIM905 - a list
)
SOUND_ENDINGS: Final = frozenset(
    ".mp3 .m4a .aac .ac3 .wav .aif .aiff .caf .flac .ogg .oga .opus .amr".split()  # noqa: SIM905 - as above
)
