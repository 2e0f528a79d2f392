"""The process that sends one notification by apprise: a wish as JSON on stdin, what went wrong as JSON on stdout.

A wish without `title` asks only whether the address can be understood.
"""

from __future__ import annotations

import json
import logging
import os
import sys


def main() -> None:
    """Do what is wished."""
    wish = json.load(sys.stdin)
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints is no answer
    said = _Said()
    try:
        why = _done(wish, said)
    except Exception as error:  # noqa: BLE001 - of a hundred services each may fail in its own way
        why = f"{type(error).__name__}: {error}"
    out.write(json.dumps(why))
    out.flush()
    os._exit(0)  # apprise's threads are not waited for


def _done(wish: dict[str, str], said: _Said) -> str:
    """Return what went wrong, "" for nothing."""
    import apprise

    library = logging.getLogger("apprise")
    library.handlers, library.propagate = [said], False
    # its own pictures would be fetched from elsewhere by whoever is told
    asset = apprise.AppriseAsset(
        app_id="vsortd", app_desc="vsortd", app_url="", image_url_mask="", image_url_logo="", async_mode=False
    )
    sender = apprise.Apprise(asset=asset)
    if not sender.add(wish["url"]):
        return "apprise knows no such service, or misses something in this address"
    if "title" not in wish:
        return ""
    went = sender.notify(title=wish["title"], body=wish["body"], body_format=apprise.NotifyFormat.TEXT)
    return "" if went else said.first or "it was not taken"


class _Said(logging.Handler):
    """Takes what apprise complains of first."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.first = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Take a message."""
        self.first = self.first or " ".join(record.getMessage().split())


if __name__ == "__main__":
    main()
