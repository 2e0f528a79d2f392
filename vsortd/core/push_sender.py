"""Sends notifications to addresses of apprise (the extra `notify`); of an address only its service is ever told.

Each is sent by a process of its own: apprise has threads that can't be ended, which would hold up the daemon's end,
and so much to import that the daemon is better off without it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

from vsortd.core.system.child_environment import least_environment, package_path
from vsortd.core.units import format_duration
from vsortd.errors import Cancelled

if TYPE_CHECKING:
    import threading

MISSING: Final = "notifications to addresses need apprise, which is not installed: pip install 'vsortd[notify]'"
# Apprise itself waits 4 seconds for a connection, and for an answer; of mail there are several.
_LIMIT_S: Final = 60.0
_TICK_S: Final = 0.1
_HIDDEN: Final = "***"
_SHORTEST: Final = 3  # what is shorter stands in many a word
_ASIDE: Final = re.compile(r"[/?&=:@#+,;]+")
# How requests that leave the machine find their way; of apprise's own files there are some below the home.
_MORE_NAMES: Final = (
    "HOME", "USERPROFILE", "APPDATA", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
    "http_proxy", "https_proxy", "no_proxy", "all_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
)  # fmt: skip


def service_of(url: str) -> str:
    """Return what may be said of an address: the service's name."""
    return url.partition("://")[0].casefold()


def can_send() -> bool:
    """Tell whether apprise is installed."""
    return importlib.util.find_spec("apprise") is not None


def knows(url: str, *, cancel: threading.Event | None = None) -> bool:
    """Tell whether apprise knows the service of an address, and finds in it what that needs. Raises Cancelled."""
    return not _ask({"url": url}, cancel)


def send(url: str, title: str, body: str, *, cancel: threading.Event | None = None) -> str:
    """Send a notification; return "" where it went through, else why not, without anything of the address.

    Raises Cancelled once `cancel` is set.
    """
    return _without(url, _ask({"url": url, "title": title, "body": body}, cancel))


def _ask(wish: dict[str, str], cancel: threading.Event | None) -> str:
    """Have a process do it, see `push_process`; return what went wrong, "" for nothing. Raises Cancelled."""
    try:
        started = _start()
    except OSError as error:  # no memory, too many processes or files: as good a reason to try again as any
        return f"the process that sends can't be started ({error.strerror})"
    with started as process:
        until_s = time.monotonic() + _LIMIT_S
        wanted: bytes | None = json.dumps(wish).encode("ascii")
        try:
            while True:
                if cancel is not None and cancel.is_set():
                    raise Cancelled
                try:
                    answer, _ = process.communicate(wanted, timeout=_TICK_S)
                    return str(json.loads(answer))
                except subprocess.TimeoutExpired:
                    wanted = None  # is on its way
                    if time.monotonic() > until_s:
                        return f"it was not done within {format_duration(_LIMIT_S)}"
        except ValueError:
            return f"apprise ended without a word (exit code {process.returncode})"
        finally:
            process.kill()


def _start() -> subprocess.Popen[bytes]:
    more = {name: value for name in _MORE_NAMES if (value := os.environ.get(name)) is not None}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "vsortd.core.push_process"],
        env=least_environment({"PYTHONPATH": package_path(), **more}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def _without(url: str, text: str) -> str:
    """Return a text in which nothing of an address stands but its service."""
    rest = url.partition("://")[2]
    for part in sorted((rest, *_ASIDE.split(rest)), key=len, reverse=True):
        if len(part) >= _SHORTEST:
            text = text.replace(part, _HIDDEN)
    return text
