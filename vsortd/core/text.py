"""Text out of the world outside, whose names are a stranger's bytes, made fit for where it goes."""

from __future__ import annotations

import re

# What `str.isprintable` refuses, all of it within ASCII: quick to look for, and all that most texts need.
_PLAIN = re.compile(r"[ -~]*")


def printable(text: object) -> str:
    """Return text for people on one line: control and format characters and undecodable bytes escaped, no markup.

    Escaping twice is escaping once. What prints does it (see `vsortd.core.console`), and so does what draws or logs.
    """
    told = str(text)
    if _PLAIN.fullmatch(told):
        return told
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in told)


def storable(text: object) -> str:
    r"""Return text that any database and any JSON takes: only undecodable bytes of names are escaped, as `\\udcXX`."""
    return str(text).encode("utf-8", "backslashreplace").decode("utf-8")


def printable_json(text: str) -> str:
    r"""Return JSON text that says the same and is safe on a terminal: what is not printable is escaped as JSON does.

    Line ends that JSON is laid out with stay. Undecodable bytes become the text `\\udcXX`, as in `storable`.
    """
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(char if char.isprintable() or char == "\n" else _escaped_in_json(char) for char in text)


def encodable_json(text: str, encoding: str) -> str:
    r"""Return JSON text that says the same in an encoding: what that lacks is escaped as JSON does, `\u00e9`."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(char if char.isascii() else _escaped_in_json(char) for char in text)
    return text


def _escaped_in_json(char: str) -> str:
    if "\ud800" <= char <= "\udfff":
        return f"\\\\u{ord(char):04x}"
    units = char.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def counted(number: int, one: str, many: str = "") -> str:
    """Return how many there are: `1 video`, `2 videos`, `1,200 videos`; `many` where it is not `one` with an s."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
