"""How the page says times, sizes, names and states; each is used as a filter of its templates."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from vsortd.core.moments import local_text
from vsortd.core.outcomes import ItemState
from vsortd.core.text import counted, printable
from vsortd.core.units import about_clock, about_duration

if TYPE_CHECKING:
    from collections.abc import Callable

_STATES: Final = {
    ItemState.FILED: ("filed", "✓"),
    ItemState.REVIEW: ("review", "?"),
    ItemState.REJECTED: ("rejected", "∅"),
    ItemState.FAILED: ("failed", "!"),
    ItemState.HELD: ("held", "‖"),
    ItemState.UNDONE: ("undone", "↶"),
    ItemState.ASIDE: ("aside", "↷"),
}


def name(path: object) -> Markup:
    """Return a file's name, apart from the text around it in whichever direction it is written."""
    last = str(path).replace("\\", "/").rstrip("/").rpartition("/")[2]
    return Markup('<bdi class="name">{}</bdi>').format(printable(last or path))


def path(value: object) -> Markup:
    """Return a path, with its name emphasised."""
    folder, slash, last = printable(value).rpartition("/")
    return Markup('<bdi class="path">{}<b>{}</b></bdi>').format(folder + slash, last)


def when(moment: str) -> Markup:
    """Return a moment of the journal (UTC) by the clock of this machine."""
    if not moment:
        return Markup("")
    local = local_text(moment)
    return Markup('<time datetime="{}">{}</time>').format(moment, _short(local))


def since(moment_s: float) -> Markup:
    """Return a moment in Unix seconds by the clock of this machine."""
    there = datetime.fromtimestamp(moment_s).astimezone()
    return Markup('<time datetime="{}">{}</time>').format(there.isoformat(), _short(there.isoformat()))


def _short(local: str) -> str:
    try:
        there = datetime.fromisoformat(local)
    except ValueError:
        return local
    today = datetime.now().astimezone().date()
    return f"{there:%H:%M}" if there.date() == today else f"{there:%Y-%m-%d %H:%M}"


def state(value: str) -> Markup:
    """Return the badge of a state: a sign and a word."""
    try:
        word, sign = _STATES[ItemState(value)]
    except (KeyError, ValueError):
        word, sign = value.replace("_", " "), "…"
    html = '<span class="state state-{}"><span aria-hidden="true">{}</span> {}</span>'
    return Markup(html).format(word, sign, word)  # noqa: S704 - format escapes


def percent(share: float) -> str:
    """Return a share as a percentage."""
    return f"{share * 100:.0f} %"


def playtime(duration_s: float) -> str:
    """Return how long a video is, as players show it: 0:07, 1:02:03."""
    minutes, seconds = divmod(round(duration_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def plural(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun."""
    return counted(number, one, many)


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "name": name,
    "path": path,
    "when": when,
    "since": since,
    "state": state,
    "percent": percent,
    "counted": plural,
    "playtime": playtime,
    "lasting": about_duration,
    "clock": about_clock,
    "printable": printable,
}
