"""Text that is safe to show: names of files are a stranger's bytes."""

from __future__ import annotations


def printable(text: object) -> str:
    """Return text for people on one line: control and format characters and undecodable bytes escaped, no markup."""
    raw = str(text).encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in raw)
