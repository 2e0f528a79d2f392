"""Folders whose names begin like what was typed so far."""

from __future__ import annotations

import glob
import os

from vsortd.core.text import printable


def folders_like(text: str) -> list[str]:
    """Return the folders that begin like this, each with a slash at its end, sorted; ~ is left as it was typed."""
    home = os.path.expanduser("~")  # noqa: PTH111 - a prefix of text, not a path of its own
    short = text == "~" or text.startswith("~/")
    whole = home + text[1:] if short else text
    found = sorted(glob.glob(glob.escape(whole) + "*/"))  # noqa: PTH207
    found = [one for one in found if one.startswith(os.sep) and one == printable(one)]
    return ["~" + one[len(home) :] for one in found] if short else found
