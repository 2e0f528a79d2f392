"""The home folder in texts for people: `~`, as they type it themselves."""

from __future__ import annotations

import os
import re
from functools import lru_cache

# Where a path may begin: not within another one, and not within quotes or behind `=`, where no shell expands a ~.
PATH_BEGINS = r"(?<![\w~./\\'\"=:-])"
# Where its folder ends: not within a longer name.
FOLDER_ENDS = r"(?=$|[^\w.-]|[.-](?:\s|$))"


def home_folder() -> str:
    """Return the user's home folder without a slash at its end; "" where there is none that `~` stands for."""
    home = os.path.expanduser("~").rstrip("/")  # noqa: PTH111 - Path.home raises where there is none
    return home if home.startswith("/") else ""


def with_tilde(text: object) -> str:
    """Return a text for people with `~` for their home folder; one that stands in quotes is left as it is."""
    told, home = str(text), home_folder()
    return _pattern(home).sub("~", told) if home and home in told else told


@lru_cache(maxsize=4)
def _pattern(home: str) -> re.Pattern[str]:
    return re.compile(f"{PATH_BEGINS}{re.escape(home)}{FOLDER_ENDS}")
