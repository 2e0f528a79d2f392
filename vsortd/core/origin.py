"""Where a fetched video comes from: its address and title, as the history tells them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from vsortd.core.late_pattern import LatePattern
from vsortd.core.text import storable

if TYPE_CHECKING:
    from vsortd.core.documents import OriginDocument

# Of a query's names these carry rights rather than saying what is meant: keys, signatures, sessions.
_SECRET: Final = LatePattern(
    r"(?:^|[][_.-])(?:key|apikey|token|sig|signature|secret|password|passwd|pass|pwd|auth|authorization|session|sessionid"
    r"|sid|jsessionid|phpsessid|credential|policy|jwt|code|hmac|hdnts|hdnea|hdntl)(?:$|[][_.-])|^x-(?:amz|goog)-",
    re.IGNORECASE,
)
_WORD_BEGINS: Final = LatePattern(r"(?<=[a-z0-9])(?=[A-Z])")
_PATH_PARAMETERS: Final = LatePattern(r";[^/]*")  # where servers of Java keep a session
_LONGEST: Final = 2_000  # characters of an address or title that are kept


@dataclass(frozen=True, slots=True)
class WebOrigin:
    """A video's page, its title there, the site by yt-dlp's name for it, and its id on that site, "" without one.

    `address` holds no credentials; `time` is UTC, ISO 8601. Kept in an item's details, under KEY.
    """

    KEY: ClassVar[str] = "origin"

    address: str
    title: str
    site: str
    id: str
    time: str

    @classmethod
    def of(cls, detail: Mapping[str, Any]) -> WebOrigin | None:
        """Take it out of an item's details, None where there is none."""
        found = detail.get(cls.KEY)
        return cls(**found) if found else None

    @classmethod
    def from_json(cls, found: object) -> WebOrigin | None:
        """Take it out of what `to_json` made of it, None where it is anything else."""
        if not isinstance(found, Mapping) or set(found) != set(cls.__slots__):
            return None
        return cls(**found) if all(isinstance(one, str) for one in found.values()) else None

    @property
    def sentence(self) -> str:
        """Where it comes from, for people."""
        return f"from {self.address}" + (f" ({self.title})" if self.title else "")

    def to_json(self) -> OriginDocument:
        """Return it as it is kept, and as `--json` prints it."""
        return {"address": self.address, "title": self.title, "site": self.site, "id": self.id, "time": self.time}


def without_credentials(address: str) -> str:
    """Return an address without names, passwords, keys and signatures; what is no address comes back empty."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    if ":" in host:
        host = f"[{host}]"
    query = "&".join(one for one in parts.query.split("&") if one and not _is_secret(one.partition("=")[0]))
    path = _PATH_PARAMETERS.compiled.sub("", parts.path)
    return storable(urlunsplit((parts.scheme, host + port, path, query, "")))[:_LONGEST]


def _is_secret(name: str) -> bool:
    """Tell whether a name of a query, as it stands in the address, is that of a secret (`accessToken`, `%74oken`)."""
    return _SECRET.compiled.search(_WORD_BEGINS.compiled.sub("_", unquote(name))) is not None


def one_line(text: object) -> str:
    """Return a title on one line, no longer than what is kept of one."""
    return storable(" ".join(str(text or "").split()))[:_LONGEST]
