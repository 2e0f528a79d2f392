"""What a log line must not say: secrets ever, and where the user's folders lie if that is not wished."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from vsortd.core.home import FOLDER_ENDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSW|API_?KEY|CREDENTIAL|PRIVATE", re.IGNORECASE)
_SHORTEST_SECRET = 6  # what is shorter stands in many a word
_IN_TEXT = re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)|\bhf_[A-Za-z0-9]{16,}|(?i:(?<=bearer ))[\w.~+/=-]{8,}")
_HIDDEN = "***"


def secret_words(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the values of environment variables that are secrets by their names, the longest first."""
    variables = os.environ if environment is None else environment
    found = {value for name, value in variables.items() if _SECRET_NAME.search(name)}
    return tuple(sorted((value for value in found if len(value) >= _SHORTEST_SECRET), key=len, reverse=True))


class Redactor:
    """How texts are written: without secrets; with `relative`, folders below `roots` without what is above them.

    `/home/ann/Videos/Inbox/a.mp4` becomes `Inbox/a.mp4`, or `Videos/Inbox/a.mp4` where two roots have one name; other
    paths in the user's home begin with ~.
    """

    def __init__(self, *, relative: bool = False, roots: Sequence[Path] = (), secrets: Iterable[str] = ()) -> None:
        self._secrets = tuple(secrets)
        self._shorter: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None
        if relative:
            self._shorter = _short_names(roots)
            home = os.path.expanduser("~")  # noqa: PTH111 - Path.home raises where there is none
            if len(home) > 1 and home.startswith(os.sep):
                self._shorter.setdefault(home, "~")
            longest_first = sorted(self._shorter, key=len, reverse=True)
            self._pattern = re.compile(rf"(?<![\w~.-])(?:{'|'.join(map(re.escape, longest_first))}){FOLDER_ENDS}")

    def apply(self, text: str) -> str:
        """Return the text as it may be written."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, _HIDDEN)
        text = _IN_TEXT.sub(_HIDDEN, text)
        if self._pattern is not None:
            text = self._pattern.sub(lambda found: self._shorter[found[0]], text)
        return text


def _short_names(roots: Iterable[Path]) -> dict[str, str]:
    """Return each root's shortest end that tells it from the others."""
    every = list(dict.fromkeys(roots))
    short: dict[str, str] = {}
    for root in every:
        parts = [part for part in root.parts if part != root.anchor]
        length = 1
        while length < len(parts) and any(
            other != root and other.parts[-length:] == root.parts[-length:] for other in every
        ):
            length += 1
        short[str(root)] = "/".join(parts[-length:]) or str(root)
    return short
