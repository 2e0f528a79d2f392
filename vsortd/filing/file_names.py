"""Names in the library: one sanitised component from the template, and the next that is free for a whole group."""

from __future__ import annotations

import itertools
import os
import re
import string
import sys
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from vsortd.core.late_pattern import LatePattern
from vsortd.core.moments import file_moment, recorded_moment
from vsortd.core.names import TEMPLATE_FIELDS, cut, nfc, without_unseen
from vsortd.core.sidecar_forms import bond

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from vsortd.core.identity import Identity
    from vsortd.core.video_facts import Clip

# What ext4, APFS and NTFS allow for one name (NTFS counts UTF-16 units, which are never more than the bytes).
MAX_BYTES = 255
FALLBACK = "video"

_RESERVED = LatePattern(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)", re.IGNORECASE)
_FORBIDDEN = frozenset('/\\<>:"|?*' if sys.platform == "win32" else "/\\")


@dataclass(frozen=True, slots=True)
class NameFields:
    """What the template's fields stand for; "" where the video doesn't say."""

    stem: str
    date: str = ""  # 2026-11-20: recorded (see `recorded_moment`), else last written (local time)
    time: str = ""  # 18-30-05
    rule: str = ""  # forest-night
    width: str = ""  # pixels as shown
    height: str = ""
    orientation: str = ""
    camera: str = ""
    tags: str = ""  # wine mood-calm
    facets: Mapping[str, str] = field(default_factory=dict)  # of each facet of the config the value, "" for none

    @classmethod
    def of(  # noqa: PLR0917 - whatever a name may be made of
        cls,
        source: Path,
        identity: Identity,
        clip: Clip | None,
        rule: str,
        tags: Sequence[str] = (),
        facets: Mapping[str, str] = MappingProxyType({}),
    ) -> NameFields:
        """Fill the fields from the file, what was probed, the rule ("forest/night"), tags, and values of facets."""
        moment = (clip and recorded_moment(clip.recorded_at)) or file_moment(identity.modified_ns)
        return cls(
            stem=source.stem,
            date="" if moment is None else moment.date().isoformat(),
            time="" if moment is None else moment.time().isoformat("seconds").replace(":", "-"),
            rule=rule.replace("/", "-"),
            width="" if clip is None else str(clip.shown_width_px),
            height="" if clip is None else str(clip.shown_height_px),
            orientation="" if clip is None else clip.orientation.value,
            camera="" if clip is None else clip.camera,
            tags=" ".join(tag.replace(":", "-") for tag in tags),
            facets=facets,
        )

    @property
    def year(self) -> str:
        """2026."""
        return self.date[:4]

    @property
    def month(self) -> str:
        """11."""
        return self.date[5:7]

    @property
    def day(self) -> str:
        """20."""
        return self.date[8:]

    def value(self, name: str) -> str:
        """Return what a field of templates stands for. Raises ValueError where there is none of this name."""
        if name in TEMPLATE_FIELDS:
            return str(getattr(self, name))
        facet = self.facets.get(nfc(name))
        if facet is None:
            raise ValueError(f"a name template takes no {{{name}}}")
        return facet


def render(template: str, fields: NameFields) -> str:
    """Return the name without suffix: one component, never empty, not hidden, no device name.

    Raises ValueError for a template with anything but `{field}` of TEMPLATE_FIELDS or of the facets (the config refuses
    it earlier).
    """
    return component(filled(string.Formatter().parse(template), fields), component(fields.stem, FALLBACK))


def filled(parts: Iterable[tuple[str, str | None, str | None, str | None]], fields: NameFields) -> str:
    """Return the parts of a template with their fields filled in, as they are. Raises ValueError as `render` does."""
    texts = []
    for literal, name, spec, conversion in parts:
        if spec or conversion:
            raise ValueError(f"a name template takes no {{{name}}} in another form")
        texts += [literal, "" if name is None else fields.value(name)]
    return "".join(texts)


def component(text: str, fallback: str = "_") -> str:
    """Return `text` as one name that every common filesystem takes, `fallback` if nothing is left of it.

    The Unicode form is left as it is, and so are undecodable bytes: two names that differ stay two.
    """
    clean = fit(text).strip(". ")
    if _RESERVED.compiled.match(clean):
        clean = f"_{clean}"
    return cut(clean, MAX_BYTES).rstrip(". ") or fallback


def fit(text: str) -> str:
    """Return a piece of a name with what no name can hold replaced."""
    return "".join("_" if char in _FORBIDDEN else char for char in without_unseen(text))


def tail_of(sidecar: Path, video: Path) -> str:
    """Return what a sidecar's name adds to the video's stem: `.en.srt`, or `.mov.xmp`, or `M01.XML`."""
    found = bond(sidecar.name, video.name)
    if found is not None:
        return fit(found.tail)
    stem = video.stem
    return fit(sidecar.name[len(stem) :] if sidecar.name.startswith(stem) else f".{sidecar.name.lstrip('.')}")


def group_names(stem: str, number: int, video: Path, suffix: str, sidecars: Sequence[Path]) -> list[str]:
    """Return the names of a video, which gets `stem` and `suffix`, and of its sidecars; see `numbered`.

    Sidecars of a video that keeps its stem keep their names, whatever form these have. Those called by the whole name
    of a video that gets another suffix (`Film.mov.xmp`) follow it.
    """
    follows = _follows(video, suffix, sidecars)
    names = numbered(stem, number, group_tails(video, suffix, sidecars))
    if names[0] != f"{video.stem}{suffix}":
        return names
    kept = zip(sidecars, follows, names[1:], strict=True)
    return [names[0], *(name if one_follows else fit(one.name) for one, one_follows, name in kept)]


def _follows(video: Path, suffix: str, sidecars: Sequence[Path]) -> list[bool]:
    """Tell of each sidecar whether it is called by the whole name of a video that gets another suffix."""
    whole = f"{video.suffix.lower()}." if suffix.lower() != video.suffix.lower() else ""
    return [bool(whole) and tail_of(one, video).lower().startswith(whole) for one in sidecars]


def group_tails(video: Path, suffix: str, sidecars: Sequence[Path]) -> list[str]:
    """Return what follows the stem in the names of a video, which gets `suffix`, and of its sidecars; all differ."""
    tails = [suffix]
    for sidecar, one_follows in zip(sidecars, _follows(video, suffix, sidecars), strict=True):
        tail = tail_of(sidecar, video)
        tail = suffix + tail[len(video.suffix) :] if one_follows else tail
        taken = {one.casefold() for one in tails}
        tails.append(next(one for one in _told_apart(tail) if one.casefold() not in taken))
    return tails


def _told_apart(tail: str) -> Iterator[str]:
    """Yield a tail, then others like it: two sidecars may differ by no more than the form of their names."""
    yield tail
    yield from (f".{number}{tail}" for number in itertools.count(2))


def numbered(stem: str, number: int, tails: Sequence[str]) -> list[str]:
    """Return the names of a group: `stem`, from the second on `stem (2)`, with each tail, within MAX_BYTES."""
    mark = "" if number == 1 else f" ({number})"
    longest = max(len(os.fsencode(tail)) for tail in tails)
    short = cut(stem, MAX_BYTES - longest - len(mark))
    if short != stem:
        short = short.rstrip(". ") or FALLBACK
    return [f"{short}{mark}{tail}" for tail in tails]


def next_free(is_free: Callable[[int], bool], first: int = 1) -> int:
    """Return a number from `first` on that is free.

    It is the lowest if one of the first eight is free, else found by doubling and halving, so that the
    ten-thousandth file of one name costs a few looks.
    """
    for number in range(first, first + 8):
        if is_free(number):
            return number
    taken, free = first + 7, (first + 8) * 2
    while not is_free(free):
        taken, free = free, free * 2
    while free - taken > 1:
        middle = (taken + free) // 2
        if is_free(middle):
            free = middle
        else:
            taken = middle
    return free
