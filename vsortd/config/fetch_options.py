"""The config file's options of what is fetched from the web."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from annotated_types import Ge, Le
from pydantic import Field, Strict

from vsortd.config.base_options import Options
from vsortd.config.value_types import Duration, Size

_MINUTE_S, _DAY_S = 60, 86_400


class Prefer(StrEnum):
    """Which of the forms that a site offers is taken."""

    ONE_FILE = "one_file"
    BEST = "best"


class Fetch(Options):
    """What `vsortd fetch` and addresses in other commands may fetch, and how much of it is kept."""

    cache_bytes: Annotated[int, Size(10**6, 10**15)] = Field(
        default=20 * 10**9,
        alias="cache",
        description="How much is kept in the state folder; videos that were used longest ago are removed first.",
    )
    max_size_bytes: Annotated[int, Size(10**5, 10**13)] = Field(
        default=4 * 10**9, alias="max_size", description="A video that is larger is not fetched."
    )
    time_limit_s: Annotated[float, Duration(1, _DAY_S)] = Field(
        default=30.0 * _MINUTE_S, alias="time_limit", description="A video that takes longer is given up."
    )
    playlist: Annotated[int, Strict(), Ge(1), Le(1_000)] = Field(
        default=50, description="How many videos of a playlist `vsortd fetch --playlist` takes at most."
    )
    prefer: Prefer = Field(
        default=Prefer.ONE_FILE,
        description="one_file: the best that comes as one MP4, else picture and sound that ffmpeg joins; "
        "best: the best picture, joined if necessary.",
    )
