"""Conditions on a video's facts: who is sorted at all (`accept`), and where a rule may take part (`when`). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, ClassVar, Final

from vsortd.core.moments import recorded_moment
from vsortd.core.names import nfc
from vsortd.core.video_facts import orientation_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date

    from vsortd.config.settings import Accept, When
    from vsortd.core.video_facts import Clip, Orientation

# Frame rates are averages: a camera's 60 comes as 59.94, or as 59.7 when the phone was hot.
FPS_TOLERANCE: Final = 0.02


@dataclass(frozen=True, slots=True)
class ConditionFacts:
    """What is known of a video before anybody looks at its pictures.

    `name` is the file's, `recorded_on` the day by the wall clock where it was recorded, None where that isn't known.
    """

    clip: Clip
    name: str
    recorded_on: date | None = None

    @classmethod
    def of(cls, clip: Clip, name: str) -> ConditionFacts:
        """Gather the facts; what is recorded in UTC is of the day that it is here."""
        moment = recorded_moment(clip.recorded_at)
        return cls(clip, name, None if moment is None else moment.date())


@dataclass(frozen=True, slots=True)
class AcceptFacts:
    """What of a video is held against `accept`; kept with a rejection, under KEY of its details."""

    KEY: ClassVar[str] = "accept_facts"

    shown_width_px: int
    shown_height_px: int
    duration_s: float

    @classmethod
    def of(cls, clip: Clip) -> AcceptFacts:
        """Take them out of all facts."""
        return cls(clip.shown_width_px, clip.shown_height_px, clip.duration_s)

    @property
    def orientation(self) -> Orientation:
        """Classify the shown picture."""
        return orientation_of(self.shown_width_px, self.shown_height_px)


def admit(clip: Clip | AcceptFacts, accept: Accept) -> str | None:
    """Return None if a video is accepted, else one sentence that names the first setting that refuses it.

    The order is orientation, duration (too short, too long), width, height; sizes are as shown.
    """
    found = _beyond_limits(clip, accept, "accept")
    return f"{found[0]}: {found[1]}" if found else None


def statement(name: str, limits: Accept | When, option: str = "accept") -> str:
    """Return an option with its value as a refusal names it: "accept.min_duration is 5 s"."""
    if name == "orientation":
        return f"{option}.orientation is {' or '.join(limits.orientation)}"
    if name.endswith("duration"):
        seconds = getattr(limits, f"{name}_s")
        return f"{option}.{name} is {'not set' if seconds is None else f'{seconds:g} s'}"
    return f"{option}.{name} is {getattr(limits, name, None)}"


def unmet(when: When, facts: ConditionFacts) -> str | None:
    """Return None if all conditions hold, else why the first that doesn't: "landscape 1920x1080, not portrait"."""
    found = _beyond_limits(facts.clip, when, "when")
    if found:
        return f"{found[0]} ({found[1]})"
    return next((why for check in _CHECKS if (why := check(when, facts))), None)


def _beyond_limits(clip: Clip | AcceptFacts, limits: Accept | When, option: str) -> tuple[str, str] | None:
    """Return what the video is and the option that it does not meet, None if it meets all."""
    size = f"{clip.shown_width_px}x{clip.shown_height_px}"
    found = None
    if clip.orientation not in limits.orientation:
        found = f"{clip.orientation} {size} is not accepted", "orientation"
    elif limits.min_duration_s is not None and clip.duration_s < limits.min_duration_s:
        found = f"{clip.duration_s:.4g} s are too short", "min_duration"
    elif limits.max_duration_s is not None and clip.duration_s > limits.max_duration_s:
        found = f"{clip.duration_s:.4g} s are too long", "max_duration"
    elif limits.min_width is not None and clip.shown_width_px < limits.min_width:
        found = f"{size} is too narrow", "min_width"
    elif limits.min_height is not None and clip.shown_height_px < limits.min_height:
        found = f"{size} is too low", "min_height"
    return None if found is None else (found[0], statement(found[1], limits, option))


def _too_large(when: When, facts: ConditionFacts) -> str:
    clip = facts.clip
    if when.max_width is not None and clip.shown_width_px > when.max_width:
        return f"{clip.shown_width_px} px are too wide (when.max_width is {when.max_width})"
    if when.max_height is not None and clip.shown_height_px > when.max_height:
        return f"{clip.shown_height_px} px are too high (when.max_height is {when.max_height})"
    return ""


def _other_rate(when: When, facts: ConditionFacts) -> str:
    fps = facts.clip.fps
    if when.min_fps is None and when.max_fps is None:
        return ""
    if not fps:
        return "the file does not say how many frames a second it has"
    if when.min_fps is not None and fps < when.min_fps * (1 - FPS_TOLERANCE):
        return f"{fps:.4g} frames a second are too few (when.min_fps is {when.min_fps:g})"
    if when.max_fps is not None and fps > when.max_fps * (1 + FPS_TOLERANCE):
        return f"{fps:.4g} frames a second are too many (when.max_fps is {when.max_fps:g})"
    return ""


def _other_codec(when: When, facts: ConditionFacts) -> str:
    codec = facts.clip.video_codec
    if not when.codec or codec in when.codec:
        return ""
    return f"the codec is {codec or 'unknown'} (when.codec is {' or '.join(when.codec)})"


def _other_sound(when: When, facts: ConditionFacts) -> str:
    if when.has_audio is None or facts.clip.has_audio == when.has_audio:
        return ""
    has = "has sound" if facts.clip.has_audio else "has no sound"
    return f"it {has} (when.has_audio is {str(when.has_audio).lower()})"


def _other_camera(when: When, facts: ConditionFacts) -> str:
    camera = facts.clip.camera
    if not when.camera or (camera and _matches(camera, when.camera)):
        return ""
    what = f'the camera is "{camera}"' if camera else "the file names no camera"
    return f"{what} (when.camera is {' or '.join(when.camera)})"


def _other_day(when: When, facts: ConditionFacts) -> str:
    if when.recorded_since is None and when.recorded_before is None:
        return ""
    day = facts.recorded_on
    if day is None:
        return "the file does not say when it was recorded"
    if when.recorded_since is not None and day < when.recorded_since:
        return f"recorded on {day} (when.recorded_since is {when.recorded_since})"
    if when.recorded_before is not None and day >= when.recorded_before:
        return f"recorded on {day} (when.recorded_before is {when.recorded_before})"
    return ""


def _other_name(when: When, facts: ConditionFacts) -> str:
    if not when.file_name or _matches(facts.name, when.file_name):
        return ""
    return f"the file is not called {' or '.join(when.file_name)}"


def _matches(text: str, patterns: Iterable[str]) -> bool:
    folded = nfc(text).casefold()
    return any(fnmatchcase(folded, nfc(pattern).casefold()) for pattern in patterns)


_CHECKS: Final[tuple[Callable[[When, ConditionFacts], str], ...]] = (
    _too_large,
    _other_rate,
    _other_codec,
    _other_sound,
    _other_camera,
    _other_day,
    _other_name,
)
