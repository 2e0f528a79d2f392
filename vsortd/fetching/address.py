"""Which words are addresses of the web, and which of these are fetched."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from vsortd.errors import UsageError

# RFC 3986, section 3.1; two letters at least, so that no drive of Windows is one.
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_LONGEST: Final = 8_000  # characters; browsers and servers take no more


def is_address(word: str) -> bool:
    """Tell whether a word names a place of the web rather than a file: it begins like `https://`."""
    return _SCHEME.match(word) is not None


def checked_address(word: str) -> str:
    """Return an address that may be fetched: https, a host, nobody's name or password. Raises UsageError."""
    scheme = _SCHEME.match(word)
    shown = _without_userinfo(word)
    if scheme is None or scheme[1].lower() != "https":
        local = scheme is not None and scheme[1].lower() == "file"
        remedy = "Name the file itself, without file://." if local else "Write it with https://, if the site has that."
        raise UsageError(f"{shown} is not fetched: only what begins with https:// is.", remedy=remedy)
    try:
        parts = urlsplit(word)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if not host or len(word) > _LONGEST or re.search(r"[\x00-\x20\x7f]", word):
        raise UsageError(f"{shown[:200]} is no address.", remedy="Copy it from the browser, and put it in quotes.")
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            f"{shown} names an account: vsortd logs in nowhere, and keeps no password.",
            remedy="Leave out what stands before the @; what needs a login is fetched with another program.",
        )
    return word


def _without_userinfo(word: str) -> str:
    """Return an address as it may be shown: without what stands before the @ of its host."""
    return re.sub(r"(?<=://)[^/?#]*@", "", word, count=1)
