"""Conditions that are valid each, but that no video can meet together, or that this machine can't measure."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Final, NamedTuple

from vsortd.core.measured_facts import CUTS_ABOVE
from vsortd.core.video_facts import RESOLUTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.config.condition_options import When
    from vsortd.core.video_facts import ResolutionClass

_SILENT_LUFS: Final = -70.0  # what is silent is no louder


class ConditionWarning(NamedTuple):
    """What is odd about an option of `when`, by its key, and what may stand there."""

    key: str
    message: str
    allowed: str


def condition_warnings(when: When) -> Iterator[ConditionWarning]:
    """Yield what a person should know of the conditions of one rule or tag."""
    yield from _without_sound(when)
    yield from _silent(when)
    yield from _pacing(when)
    yield from _resolution(when)
    yield from _not_installed(when)


def _not_installed(when: When) -> Iterator[ConditionWarning]:
    """Find what takes a package that isn't here."""
    speech = "speech can't be looked for here, so this holds for no video that has sound"
    music = "the sound model, which tells music, can't run here, so the videos that this is asked of wait"
    text = "text can't be read in pictures here, so this holds for no video"
    wanted = {
        "min_speech_share": (when.min_speech_share, "silero_vad", "audio", speech),
        "max_speech_share": (when.max_speech_share, "silero_vad", "audio", speech),
        "min_music_share": (when.min_music_share, "transformers", "audio", music),
        "max_music_share": (when.max_music_share, "transformers", "audio", music),
        "text": (when.text or None, "rapidocr", "ocr", text),
    }
    told: set[str] = set()
    for key, (asked, package, extra, message) in wanted.items():
        if asked is not None and package not in told and importlib.util.find_spec(package) is None:
            told.add(package)
            yield ConditionWarning(key, message, f"install what it takes: pip install 'vsortd[{extra}]'")


def _without_sound(when: When) -> Iterator[ConditionWarning]:
    """Find what is asked of the sound of videos that have none."""
    if when.has_audio is not False:
        return
    levels = {
        "min_loudness": when.min_loudness_lufs,
        "max_loudness": when.max_loudness_lufs,
        "min_true_peak": when.min_true_peak_dbtp,
        "max_true_peak": when.max_true_peak_dbtp,
        "min_speech_share": when.min_speech_share or None,
        "min_music_share": when.min_music_share or None,
    }
    message = "a video without sound (has_audio: false) never meets this"
    for key, asked in levels.items():
        if asked is not None:
            yield ConditionWarning(key, message, "has_audio: true, or one of the two alone")
    if when.silent is False:
        yield ConditionWarning("silent", message, "silent: true, or has_audio: true")


def _silent(when: When) -> Iterator[ConditionWarning]:
    """Find what is asked of the sound where nothing is to be heard."""
    if not when.silent:
        return
    message = "a video in which nothing is heard (silent: true) never meets this"
    if when.min_loudness_lufs is not None and when.min_loudness_lufs > _SILENT_LUFS:
        yield ConditionWarning("min_loudness", message, "silent: false, or one of the two alone")
    if when.min_music_share:
        yield ConditionWarning("min_music_share", message, "silent: false, or one of the two alone")


def _pacing(when: When) -> Iterator[ConditionWarning]:
    """Find a pace that takes more cuts than there may be."""
    least = min((CUTS_ABOVE.get(pace, 0.0) for pace in when.pacing), default=0.0)  # there are more shots than cuts
    if when.max_shots_per_minute is not None and least and when.max_shots_per_minute <= least:
        asked = f"pacing ({' or '.join(when.pacing)}) takes more than {least:g} cuts a minute"
        yield ConditionWarning("max_shots_per_minute", f"{asked}, so no video meets both", f"more than {least:g}")


def _resolution(when: When) -> Iterator[ConditionWarning]:
    """Find sizes that none of the classes that are asked for has."""
    if not when.resolution_class:
        return
    above = [least for least, name in RESOLUTIONS if name in when.resolution_class]
    lowest = 0 if len(above) < len(set(when.resolution_class)) else min(above)
    highest = max(_end_px(name) for name in when.resolution_class)
    shorter_least = min(when.min_width or 0, when.min_height or 0)
    shorter_most = min(when.max_width or lowest, when.max_height or lowest)
    names = " or ".join(when.resolution_class)
    if shorter_least >= highest:
        message = f"the shorter side of {names} is less than {highest:.0f} px, of min_width and min_height more"
        yield ConditionWarning("resolution_class", message, "another class, or smaller sizes")
    if shorter_most < lowest:
        message = f"the shorter side of {names} has {lowest} px at least, which max_width and max_height exclude"
        yield ConditionWarning("resolution_class", message, "another class, or larger sizes")


def _end_px(name: ResolutionClass) -> float:
    """Return the shorter side from which on a size is called something larger, px."""
    ends = [float("inf"), *(least for least, _ in RESOLUTIONS)]
    names = [one for _, one in RESOLUTIONS]
    return ends[names.index(name)] if name in names else ends[-1]
