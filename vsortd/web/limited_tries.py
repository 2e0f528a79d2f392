"""How often somebody may be wrong: each address by itself, so that a stranger's tries keep nobody else out."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_WRONG: Final = 10
_WRONG_S: Final = 60.0
_MOST_ADDRESSES: Final = 1024
_SITE_BITS: Final = 64  # of an IPv6 address; the rest whoever has it chooses as he likes


class TooManyTriesError(Exception):
    """Somebody was wrong too often; nothing of his is looked at for a while."""


class LimitedTries:
    """What was wrong lately, `_MOST_WRONG` within `_WRONG_S` seconds from an address; safe on any thread.

    Of the addresses that were heard of longest ago nothing is known any more once there are too many.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()  # when (s), by what `_site` returns

    def begin(self, address: str) -> None:
        """Count a try as wrong until `right` says otherwise: several may try at once. Raises TooManyTriesError."""
        with self._lock:
            wrong = self._of(_site(address))
            while wrong and self._clock() - wrong[0] >= _WRONG_S:
                wrong.popleft()
            if len(wrong) >= _MOST_WRONG:
                raise TooManyTriesError
            wrong.append(self._clock())

    def right(self, address: str) -> None:
        """Take it back that a try was wrong."""
        with self._lock:
            if wrong := self._wrong.get(_site(address)):
                wrong.pop()

    def _of(self, site: str) -> deque[float]:
        wrong = self._wrong.setdefault(site, deque())
        self._wrong.move_to_end(site)
        while len(self._wrong) > _MOST_ADDRESSES:
            self._wrong.popitem(last=False)
        return wrong


def _site(address: str) -> str:
    """Return what one person has of an address: an IPv4 one, the network of an IPv6 one; "" for none."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found.packed, _SITE_BITS), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)
