"""Conditions on a video's facts: who is sorted at all (`accept`), and where a rule may take part (`when`). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from vsortd.config.measured_options import facts_of, measured_options
from vsortd.core.measured_facts import NOTHING_MEASURED, MeasuredFacts
from vsortd.core.moments import recorded_moment
from vsortd.core.names import nfc
from vsortd.core.video_facts import orientation_of
from vsortd.judging.measured_conditions import matches, measured_unmet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from vsortd.config.condition_options import Accept, When
    from vsortd.config.rules import Rule, RuleTree, TagRule
    from vsortd.core.video_facts import Clip, Orientation

# Options of `when` that ask for nothing that only the container says.
_KNOWN_OUTSIDE: Final = frozenset(
    {
        "orientation",
        "min_duration_s",
        "max_duration_s",
        "min_width",
        "min_height",
        "max_width",
        "max_height",
        "resolution_class",
        "file_name",
        "tags",
    }
)
# Frame rates are averages: a camera's 60 comes as 59.94, or as 59.7 when the phone was hot.
FPS_TOLERANCE: Final = 0.02


@dataclass(frozen=True, slots=True)
class ConditionFacts:
    """What is known of a video before anybody looks at its pictures.

    `name` is the file's, `recorded` the wall clock where it was recorded, None where that isn't known; `measured` is
    what conditions asked to have measured. `tags` are known only once somebody has looked: they are found before any
    rule is asked.
    """

    clip: Clip
    name: str
    recorded: datetime | None = None
    measured: MeasuredFacts = NOTHING_MEASURED
    tags: tuple[str, ...] = ()

    @classmethod
    def of(cls, clip: Clip, name: str, measured: MeasuredFacts = NOTHING_MEASURED) -> ConditionFacts:
        """Gather the facts; what is recorded in UTC is of the day and the hour that it is here."""
        return cls(clip, name, recorded_moment(clip.recorded_at), measured)


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
    """Return None if all conditions hold, else why the first that doesn't: "landscape 1920x1080, not portrait".

    What has to be measured comes last.
    """
    return _unmet_by_file(when, facts) or _other_tags(when, facts) or measured_unmet(when, facts.measured)


def facts_asked(tree: RuleTree, facts: ConditionFacts) -> frozenset[str]:
    """Return the names of the facts that have to be measured for the conditions of a tree.

    Not what only such rules and tags ask for as are out already, by what the file says, or as lie below such a rule.
    """
    if not tree.measured:
        return frozenset()
    asking = (one.when for one in _not_out(tree, lambda when: _unmet_by_file(when, facts) is not None))
    return frozenset().union(*(facts_of(when) for when in asking if when is not None))


def open_to(tree: RuleTree, facts: ConditionFacts) -> Iterator[Rule | TagRule]:
    """Yield the rules and tags that a video may come to before anybody knows its tags, once all else was measured.

    Not such as are out by their own conditions, or as lie below such a rule.
    """

    def is_out(when: When) -> bool:
        return _unmet_by_file(when, facts) is not None or measured_unmet(when, facts.measured) is not None

    return _not_out(tree, is_out)


def _not_out(tree: RuleTree, is_out: Callable[[When], bool]) -> Iterator[Rule | TagRule]:
    """Yield the tags and rules whose conditions, and those of the rules above them, don't keep a video out."""
    yield from (tag for tag in tree.tags if tag.when is None or not is_out(tag.when))
    waiting = list(tree.rules)
    while waiting:
        rule = waiting.pop()
        if rule.when is None or not is_out(rule.when):
            yield rule
            waiting.extend(rule.rules)


def asks_container(tree: RuleTree) -> bool:
    """Tell whether some rule or tag asks for more of a file than its name, and the length and size of its picture."""
    asking = (*(rule.when for rule in tree.walk()), *(tag.when for tag in tree.tags))
    return any(_asks_container(when) for when in asking if when is not None)


def _asks_container(when: When) -> bool:
    told = _KNOWN_OUTSIDE | {option.attribute for option in measured_options(when)}
    return bool(when.model_fields_set - told)


def objects_asked(tree: RuleTree) -> frozenset[str]:
    """Return the classes that conditions of a tree ask for by `has_objects`."""
    asking: list[Rule | TagRule] = [*tree.walk(), *tree.tags]
    return frozenset(name for one in asking if one.when is not None for name in one.when.has_objects)


def _unmet_by_file(when: When, facts: ConditionFacts) -> str | None:
    """Return why a condition on what the file itself says doesn't hold, None if all do."""
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
    if not when.camera or (camera and matches(camera, when.camera)):
        return ""
    what = f'the camera is "{camera}"' if camera else "the file names no camera"
    return f"{what} (when.camera is {' or '.join(when.camera)})"


def _other_day(when: When, facts: ConditionFacts) -> str:
    if when.recorded_since is None and when.recorded_before is None:
        return ""
    if facts.recorded is None:
        return "the file does not say when it was recorded"
    day = facts.recorded.date()
    if when.recorded_since is not None and day < when.recorded_since:
        return f"recorded on {day} (when.recorded_since is {when.recorded_since})"
    if when.recorded_before is not None and day >= when.recorded_before:
        return f"recorded on {day} (when.recorded_before is {when.recorded_before})"
    return ""


def _other_hour(when: When, facts: ConditionFacts) -> str:
    if when.recorded_hour is None:
        return ""
    if facts.recorded is None:
        return "the file does not say when it was recorded"
    if facts.recorded.hour in when.recorded_hour:
        return ""
    return f"recorded at {facts.recorded:%H:%M} (when.recorded_hour is {when.recorded_hour})"


def _other_resolution(when: When, facts: ConditionFacts) -> str:
    found = facts.clip.resolution_class
    if not when.resolution_class or found in when.resolution_class:
        return ""
    size = f"{facts.clip.shown_width_px}x{facts.clip.shown_height_px}"
    return f"{size} is {found} (when.resolution_class is {' or '.join(when.resolution_class)})"


def _other_name(when: When, facts: ConditionFacts) -> str:
    if not when.file_name or matches(facts.name, when.file_name):
        return ""
    return f"the file is not called {' or '.join(when.file_name)}"


def _other_tags(when: When, facts: ConditionFacts) -> str | None:
    if not when.tags or any(nfc(tag) in when.tags for tag in facts.tags):
        return None
    return f"it doesn't have the tag {' or '.join(when.tags)}"


_CHECKS: Final[tuple[Callable[[When, ConditionFacts], str], ...]] = (
    _too_large,
    _other_rate,
    _other_codec,
    _other_sound,
    _other_camera,
    _other_day,
    _other_hour,
    _other_resolution,
    _other_name,
)
