"""Who may look at the page: whoever brings a code that `vsortd open` made, or the password, and stays till the end.

A code works once and for some minutes; what it buys is a session, known by a cookie that no script can read. Only
hashes are kept, in memory: with the daemon every session ends. Wrong passwords are limited in rate, for each address,
and hashed one at a time; wrong codes, too, yet a good one always lets in, whatever others try.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from vsortd.errors import UsageError
from vsortd.web.limited_tries import LimitedTries, TooManyTriesError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CODE_S: Final = 300.0
SESSION_S: Final = 30 * 24 * 3600.0
_MOST_CODES, _MOST_SESSIONS = 16, 64
# So many passwords may be in hand: one is hashed, the others wait. Each waits on one of the threads that answer.
_MOST_PASSWORDS: Final = 4
_SAID_MOST = 8
# RFC 7914's parameters; 64 MiB and some 0.2 s a try.
_N, _R, _P, _SALT_BYTES, _KEY_BYTES = 1 << 16, 8, 1, 16, 32
_FORM: Final = "scrypt"


@dataclass(slots=True)
class PageSession:
    """One browser that was let in; `said` are sentences for the next page that it asks for."""

    token_hash: bytes
    since_s: float
    said: deque[str] = field(default_factory=lambda: deque(maxlen=_SAID_MOST))

    def take_said(self) -> list[str]:
        """Return what is to be said, once."""
        lines = list(self.said)
        self.said.clear()
        return lines


class PageSessions:
    """The codes that were given and the sessions that began; safe on any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._codes: dict[bytes, float] = {}  # the hash of each, and when it ends
        self._sessions: dict[bytes, PageSession] = {}
        self._codes_tried, self._passwords_tried = LimitedTries(clock), LimitedTries(clock)
        self._in_hand = threading.BoundedSemaphore(_MOST_PASSWORDS)
        self._hashing = threading.Lock()

    def new_code(self) -> str:
        """Return a code that lets one browser in, once, within the next minutes."""
        code = secrets.token_urlsafe(32)
        with self._lock:
            while len(self._codes) >= _MOST_CODES:
                del self._codes[next(iter(self._codes))]
            self._codes[_hash(code)] = self._clock() + CODE_S
        return code

    def enter(self, code: str, address: str = "") -> str | None:
        """Begin a session by a code; return the cookie's value, None for a code that isn't good.

        `address` is where it comes from, "" for who knows. Raises TooManyTriesError, never for a good code.
        """
        with self._lock:
            ends_s = self._codes.pop(_hash(code), None)
            if ends_s is not None and ends_s >= self._clock():
                return self._begin()
        self._codes_tried.begin(address)
        return None

    def enter_by_password(self, password: str, stored: Callable[[], str], address: str = "") -> str | None:
        """Begin a session by a password, held against what `hashed_password` made; as `enter`.

        `stored` returns that; it is asked only where a password may be tried. Raises TooManyTriesError, and what
        `stored` raises.
        """
        if not self._in_hand.acquire(blocking=False):
            raise TooManyTriesError
        try:
            self._passwords_tried.begin(address)
            with self._hashing:  # it takes a processor and 64 MiB
                right = is_password(password, stored())
        finally:
            self._in_hand.release()
        if not right:
            return None
        self._passwords_tried.right(address)
        with self._lock:
            return self._begin()

    def session(self, token: str) -> PageSession | None:
        """Return the session of a cookie, None where there is none."""
        with self._lock:
            found = self._sessions.get(_hash(token))
            if found is not None and self._clock() - found.since_s > SESSION_S:
                del self._sessions[found.token_hash]
                return None
            return found

    @property
    def count(self) -> int:
        """How many browsers are let in."""
        with self._lock:
            return len(self._sessions)

    def leave(self, session: PageSession) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(session.token_hash, None)

    def leave_everywhere(self) -> None:
        """End every session, and let no code work any more."""
        with self._lock:
            self._sessions.clear()
            self._codes.clear()

    def _begin(self) -> str:
        token = secrets.token_urlsafe(32)
        while len(self._sessions) >= _MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        self._sessions[_hash(token)] = PageSession(_hash(token), self._clock())
        return token


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def hashed_password(password: str) -> str:
    """Return what `web.password_file` holds of a password (scrypt, RFC 7914)."""
    salt = secrets.token_bytes(_SALT_BYTES)
    key = _key(password, salt, _N, _R, _P)
    return f"{_FORM}${_N}${_R}${_P}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def is_password(password: str, stored: str) -> bool:
    """Tell whether a password is the one that was hashed. Raises ValueError for what is no such hash."""
    n, r, p, salt, key = _parts(stored)
    return hmac.compare_digest(_key(password, salt, n, r, p), key)


def _parts(stored: str) -> tuple[int, int, int, bytes, bytes]:
    """Return n, r, p, salt and key of a hash, which scrypt takes. Raises ValueError for what is none."""
    form, *numbers, salt, key = stored.strip().split("$")
    n, r, p = map(int, numbers)
    if form != _FORM or not _can_be_hashed(n, r, p):
        raise ValueError(stored)
    parts = n, r, p, base64.b64decode(salt, validate=True), base64.b64decode(key, validate=True)
    if len(parts[-1]) != _KEY_BYTES:
        raise ValueError(stored)
    return parts


def _can_be_hashed(n: int, r: int, p: int) -> bool:
    """Tell whether scrypt takes these, and what they cost can be had: less than 1 GiB."""
    return 1 < r <= 32 and 0 < p <= 16 and 32 <= n <= 1 << 20 and n & (n - 1) == 0 and n * r < 1 << 23  # noqa: PLR2004


def read_password_file(path: Path) -> str:
    """Return the hash in a password file. Raises UsageError where there is none that can be used."""
    remedy = "Make it with: vsortd web password"
    try:
        stored = path.read_text(encoding="ascii").strip()
        _parts(stored)  # not hashed: strangers make it read
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.", remedy=remedy, paths=[path]) from error
    except ValueError as error:
        raise UsageError(f"{path} holds no hashed password.", remedy=remedy, paths=[path]) from error
    return stored


def _key(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    most = 2 * 128 * n * r
    return hashlib.scrypt(password.encode("utf-8"), salt=salt, n=n, r=r, p=p, maxmem=most, dklen=_KEY_BYTES)
