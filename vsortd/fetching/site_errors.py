"""What yt-dlp raises, as sentences: why a video can't be had. Runs in `worker` alone."""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING, Final

from yt_dlp.networking.exceptions import CertificateVerifyError, HTTPError, IncompleteRead, RequestError
from yt_dlp.utils import DownloadCancelled, GeoRestrictedError, UnsupportedError, UserNotLive

from vsortd.fetching.guard import Guard, GuardRefusalError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOGIN: Final = re.compile(
    r"\b(?:log ?in|sign ?in|logged in|registered users|authenticat|cookies|members?[- ]only|private video"
    r"|subscri(?:be|ption)|confirm your age|age[- ]restrict|inappropriate for some)",
    re.IGNORECASE,
)
_NO_FORM: Final = re.compile("Requested format is not available|No video formats found")
# Asked to report bugs to others than ours, and told of options that there are none of here.
_ADVICE: Final = re.compile(r"[;.,]? *(?:please report this issue|Use --|See +https?://|Confirm you are on)")
_HEAD: Final = re.compile(r"\s*(?:ERROR:\s*)?(?:\[download\]\s*)?(?:Got error:\s*)?")
_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES})
_LONGEST: Final = 300


class SiteError(Exception):
    """A video can't be had; the text is a sentence about it without a full stop, `kind` one word."""

    def __init__(self, text: str, kind: str = "site") -> None:
        super().__init__(text)
        self.kind = kind


class SiteErrors:
    """A context in which the errors of yt-dlp, and what the guard refused, become one SiteError with a sentence."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, SiteError | MemoryError) or not isinstance(error, Exception):
            return
        if (refusal := self._guard.refusal) is not None:
            raise SiteError(str(refusal), refusal.kind) from error
        raise _site_error(error) from error


def _site_error(error: Exception) -> SiteError:
    """Put an error of yt-dlp into a sentence: by its causes, where one says more than its text does."""
    causes = list(_causes(error))
    said = _plain(str(error))
    if found := next(filter(None, map(_by_its_kind, causes)), None):
        return found
    if _LOGIN.search(said):
        return SiteError("its site wants a login or an age check, and vsortd logs in nowhere", "login")
    if _NO_FORM.search(said):
        return SiteError("there is no video in it that comes as MP4 or MOV", "no_video")
    if broken := next((one for one in causes if isinstance(one, RequestError)), None):
        return SiteError(f"its server can't be reached ({_plain(str(broken))})", "network")
    return SiteError(f"yt-dlp says: {said}")


def _by_its_kind(error: BaseException) -> SiteError | None:
    if isinstance(error, HTTPError):
        return SiteError(f"the server answers {error.status} {error.reason or ''}".strip(), "http")
    if isinstance(error, OSError) and error.errno in _DISK:
        return SiteError(f"it can't be stored: {error.strerror}", "disk")
    if isinstance(error, GuardRefusalError | DownloadCancelled):
        return SiteError(str(error), error.kind if isinstance(error, GuardRefusalError) else "size")
    return next((SiteError(*told) for kind, *told in _KINDS if isinstance(error, kind)), None)


_KINDS: Final[tuple[tuple[type[BaseException], str, str], ...]] = (
    (CertificateVerifyError, "its server has no certificate that this machine trusts", "certificate"),
    (IncompleteRead, "its server broke off in the middle of an answer", "network"),
    (GeoRestrictedError, "its site shows it in other countries only", "country"),
    (UserNotLive, "nobody is live there, and no recording is named", "live"),
    (UnsupportedError, "no video was found there", "no_video"),
)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came of, whichever way its library says so."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        info = getattr(one, "exc_info", None)
        more = info[1] if isinstance(info, tuple) and len(info) > 1 else None
        cause = getattr(one, "cause", None)
        waiting += [more, cause if isinstance(cause, BaseException) else None, one.__cause__, one.__context__]


def _plain(text: str) -> str:
    """Return what yt-dlp says without its colours, its prefix and its advice."""
    text = _HEAD.sub("", re.sub(r"\x1b\[[0-9;]*m", "", text), count=1)
    return " ".join(_ADVICE.split(text)[0].split())[:_LONGEST]
