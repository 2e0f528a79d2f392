"""The containers that vsortd sorts: their names, the endings of their files, their demuxers, and their first bytes.

One table for everything that asks what counts as a video. What a file is, its first bytes say, never its name; the
name decides only what is looked at in a folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vsortd.core.isobmff import FIRST_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

HEAD_BYTES: Final = 2048
"""So many first bytes tell what a file is."""
ALL_ENDINGS: Final = "all"
"""The word for every ending of the table, in `extensions`."""


@dataclass(frozen=True, slots=True)
class Container:
    """A family of containers that one demuxer reads.

    `name` is for people and follows "a file of"; `endings` are in lower case, without dot; `demuxer` is libav's name;
    `magic` are first bytes of which one begins such a file, () where more than that has to be looked at.
    """

    name: str
    endings: tuple[str, ...]
    demuxer: str
    magic: tuple[bytes, ...] = ()


ISO: Final = Container("MP4 or MOV", ("mp4", "mov", "m4v", "qt", "3gp", "3g2"), "mov")
MATROSKA: Final = Container("Matroska or WebM", ("mkv", "webm"), "matroska", (b"\x1aE\xdf\xa3",))
AVI: Final = Container("AVI", ("avi",), "avi")
TRANSPORT_STREAM: Final = Container("MPEG-TS", ("mts", "m2ts", "ts"), "mpegts")
PROGRAM_STREAM: Final = Container("MPEG-PS", ("mpg", "mpeg", "vob"), "mpeg", (b"\0\0\x01\xba",))
FLASH: Final = Container("Flash video", ("flv",), "flv", (b"FLV\x01",))
WINDOWS_MEDIA: Final = Container(
    "Windows Media", ("wmv", "asf"), "asf", (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),)
)
CONTAINERS: Final = (ISO, MATROSKA, AVI, TRANSPORT_STREAM, PROGRAM_STREAM, FLASH, WINDOWS_MEDIA)
"""Every container that is sorted."""

ENDINGS: Final = {ending: container for container in CONTAINERS for ending in container.endings}
"""The container that a file's ending promises, by the ending in lower case, without dot."""

TS_PACKETS: Final = ((188, 0), (192, 4), (204, 0))
"""The length of a packet of MPEG-TS and where its sync byte lies: plain, with the times of AVCHD, with error
correction."""
TS_SYNC: Final = 0x47
_TS_SYNCS = 4


def container_of(head: bytes) -> Container | None:
    """Return what a file is by its first `HEAD_BYTES` (less of a shorter file), None if it is none of the table."""
    if head[4:8] in FIRST_KINDS:
        return ISO
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return AVI
    for container in CONTAINERS:
        if head.startswith(container.magic):
            return container
    return TRANSPORT_STREAM if ts_packet(head) else None


def ts_packet(head: bytes) -> tuple[int, int] | None:
    """Return the length of the packets of an MPEG-TS and where its first sync byte lies, None if it is none.

    A recording may begin within a packet: the first sync byte lies anywhere in the first length of a packet. A lone
    0x47 is also a letter, so it has to recur.
    """
    for length, usual in TS_PACKETS:
        if _recurs(head, length, usual):
            return length, usual
    for length, _ in TS_PACKETS:
        for first in range(length):
            if _recurs(head, length, first):
                return length, first
    return None


def _recurs(head: bytes, length: int, first: int) -> bool:
    return all(head[first + number * length :][:1] == bytes([TS_SYNC]) for number in range(_TS_SYNCS))


def name_of(demuxer: str) -> str:
    """Return what the container of a demuxer is called, the demuxer's name for one that is not in the table."""
    return next((one.name for one in CONTAINERS if one.demuxer == demuxer), demuxer)


def endings_among(extensions: Iterable[str]) -> frozenset[str]:
    """Return the endings that an inbox's `extensions` mean, in lower case, without dot; `all` is every one."""
    named = frozenset(str(extension).lower().lstrip(".") for extension in extensions)
    return frozenset(ENDINGS) if ALL_ENDINGS in named else named
