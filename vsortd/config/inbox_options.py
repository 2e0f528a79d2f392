"""The options of an inbox: what counts as a video there, and when a file may be touched."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path  # noqa: TC003 - pydantic looks at it when it builds the models
from typing import Annotated

from annotated_types import MinLen
from pydantic import Field

from vsortd.config.base_options import Flag, Options
from vsortd.config.value_types import Duration, FolderPath, OneOrMany, Pattern

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400


class Watch(StrEnum):
    """How new files are noticed, besides the scans that every inbox has."""

    AUTO = "auto"
    EVENTS = "events"
    POLL = "poll"


class Extension(StrEnum):
    """The endings of file names that vsortd can read, or all of them."""

    MP4 = "mp4"
    MOV = "mov"
    M4V = "m4v"
    QT = "qt"
    THREE_GP = "3gp"
    THREE_G2 = "3g2"
    MKV = "mkv"
    WEBM = "webm"
    AVI = "avi"
    MTS = "mts"
    M2TS = "m2ts"
    TS = "ts"
    MPG = "mpg"
    MPEG = "mpeg"
    VOB = "vob"
    FLV = "flv"
    WMV = "wmv"
    ASF = "asf"
    ALL = "all"


class Inbox(Options):
    """A folder that videos are dropped into."""

    path: Annotated[Path, FolderPath()] = Field(description="The folder to watch.")
    recursive: Flag = Field(default=True, description="Watch its subfolders, too.")
    watch: Watch = Field(
        default=Watch.AUTO,
        description="auto: events, or polling on a network share; events: the system's; poll: only scans."
        " Every inbox is scanned as well.",
    )
    ignore: Annotated[tuple[Annotated[str, Pattern()], ...], OneOrMany()] = Field(
        default=(), description="Names of files and folders to leave alone, as shell patterns in quotes."
    )
    settle_s: Annotated[float, Duration(0.05, 10 * _MINUTE_S)] = Field(
        default=2.0, alias="settle", description="How long a file must not have changed before it is touched."
    )
    settle_max_s: Annotated[float, Duration(1, 7 * _DAY_S)] = Field(
        default=3_600.0,
        alias="settle_max",
        description="A file that still changes after this long is reported.",
    )
    incomplete_s: Annotated[float, Duration(0.1, _DAY_S)] = Field(
        default=10.0,
        alias="incomplete_after",
        description="A quiet file that still looks unfinished is reported after this long; "
        "it is tried again when it changes.",
    )
    poll_s: Annotated[float, Duration(0.1, _HOUR_S)] = Field(
        default=10.0, alias="poll", description="How often a polled inbox is looked through."
    )
    rescan_s: Annotated[float, Duration(0.1, 300)] = Field(
        default=300.0,
        alias="rescan",
        description="How often any inbox is looked through, in case an event was lost.",
    )
    extensions: Annotated[tuple[Extension, ...], MinLen(1), OneOrMany()] = Field(
        default=(Extension.MP4, Extension.MOV),
        description="The endings that count as videos, in any case; all: every one that vsortd can read.",
    )
