"""The config file's options: names, defaults, bounds and help stand here, in `running_options` and `unsure_options`.

`vsortd check`, `config show`, the JSON schema and the editor's help are made from these models. Every level
forbids unknown keys. Attributes carry units in their names (`settle_s`); the keys of the file don't need to
(`settle: 2s`).
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - as below
from datetime import date  # noqa: TC003 - as below
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - pydantic looks at it when it builds the models
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le, MinLen
from pydantic import Discriminator, Field, Strict
from pydantic import Tag as Shape

from vsortd.config.base_options import MAPPING, NUMBER, WORD, Flag, Options, shape_of
from vsortd.config.choices import Aggregate, Ensemble, Hierarchy, OnDuplicate, OnUnsure
from vsortd.config.running_options import JournalOptions, Log, Notify, Workers
from vsortd.config.unsure_options import Unsure
from vsortd.config.value_types import (
    Codec,
    Day,
    Duration,
    DurationOrAuto,
    FolderName,
    FolderPath,
    ModelName,
    NameTemplate,
    OneOrMany,
    Pattern,
    Prompt,
    PromptTemplate,
    Weights,
)
from vsortd.core.names import TEMPLATE_FIELDS
from vsortd.core.video_facts import Orientation

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400
_KEEP_S = 30.0 * _DAY_S  # originals of which the MP4 has lost nothing

Probability = Annotated[float, Strict(), Ge(0), Le(1)]
Pixels = Annotated[int, Strict(), Ge(1), Le(100_000)]
FramesPerSecond = Annotated[float, Strict(), Ge(0), Le(10_000)]
FrameCount = Annotated[int, Strict(), Ge(1), Le(512)]
FolderText = Annotated[str, FolderName()]
Prompts = Annotated[tuple[Annotated[str, Prompt()], ...], OneOrMany()]
Templates = Annotated[tuple[Annotated[str, PromptTemplate()], ...], MinLen(1), OneOrMany()]


class Watch(StrEnum):
    """How new files are noticed, besides the scans that every inbox has."""

    AUTO = "auto"
    EVENTS = "events"
    POLL = "poll"


class Extension(StrEnum):
    """The endings of file names that vsortd can read."""

    MP4 = "mp4"
    MOV = "mov"
    M4V = "m4v"


class MovPolicy(StrEnum):
    """What becomes of a .mov file."""

    NEVER = "never"
    REMUX = "remux"
    TRANSCODE = "transcode"


class Inbox(Options):
    """A folder that videos are dropped into."""

    path: Annotated[Path, FolderPath()] = Field(description="The folder to watch.")
    recursive: Flag = Field(default=True, description="Watch its subfolders, too.")
    watch: Watch = Field(
        default=Watch.AUTO,
        description="auto: events, or polling on a network share; events: the system's; poll: only scans."
        " Every inbox is scanned as well.",
    )
    ignore: Annotated[tuple[Annotated[str, Pattern()], ...], OneOrMany()] = Field(
        default=(), description="Names of files and folders to leave alone, as shell patterns in quotes."
    )
    settle_s: Annotated[float, Duration(0.05, 10 * _MINUTE_S)] = Field(
        default=2.0, alias="settle", description="How long a file must not have changed before it is touched."
    )
    settle_max_s: Annotated[float, Duration(1, 7 * _DAY_S)] = Field(
        default=3_600.0,
        alias="settle_max",
        description="A file that still changes after this long is reported.",
    )
    incomplete_s: Annotated[float, Duration(0.1, _DAY_S)] = Field(
        default=10.0,
        alias="incomplete_after",
        description="A quiet file that still looks unfinished is reported after this long; "
        "it is tried again when it changes.",
    )
    poll_s: Annotated[float, Duration(0.1, _HOUR_S)] = Field(
        default=10.0, alias="poll", description="How often a polled inbox is looked through."
    )
    rescan_s: Annotated[float, Duration(0.1, 300)] = Field(
        default=300.0,
        alias="rescan",
        description="How often any inbox is looked through, in case an event was lost.",
    )
    extensions: Annotated[tuple[Extension, ...], MinLen(1), OneOrMany()] = Field(
        default=(Extension.MP4, Extension.MOV), description="The endings that count as videos, in any case."
    )


class ModelChoice(Options):
    """Any open_clip model."""

    written: ClassVar[str] = (
        "a model of open_clip with its weights, such as {name: ViT-B-32-256, weights: datacomp_s34b_b86k}"
    )
    no_word: ClassVar[str] = "a model is auto, or sample, or a name and its weights in braces"
    misnamed: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("tag", "pretrained", "checkpoint", "file", "path"), "weights"),
        **dict.fromkeys(("model", "arch", "architecture"), "name"),
        "auto": "model: auto",
        "sample": "model: sample",
    }

    name: Annotated[str, ModelName()] = Field(description="The model's name in open_clip.")
    weights: Annotated[str, Weights()] = Field(
        description="A pretrained tag, or the path of a checkpoint file (safetensors preferred)."
    )

    def __str__(self) -> str:
        return f"{self.name} / {self.weights}"


class _Limits(Options):
    """What can be asked of a video's shape and length."""

    orientation: Annotated[
        tuple[Orientation, ...], MinLen(1), OneOrMany(literals=("any",), meaning=tuple(Orientation))
    ] = Field(
        default=tuple(Orientation),
        description="any, or one or a list of portrait, landscape, square; as shown, after rotation.",
    )
    min_duration_s: Annotated[float, Duration(0, 30 * _DAY_S)] | None = Field(
        default=None, alias="min_duration", description="Not videos that are shorter."
    )
    max_duration_s: Annotated[float, Duration(0, 30 * _DAY_S)] | None = Field(
        default=None, alias="max_duration", description="Not videos that are longer."
    )
    min_width: Pixels | None = Field(default=None, description="Not narrower videos (pixels as shown).")
    min_height: Pixels | None = Field(default=None, description="Not lower videos (pixels as shown).")


class Accept(_Limits):
    """Which videos are sorted; the others stay where they are, with the reason in the history."""


class When(_Limits):
    """Conditions on a video's facts, all of which must hold; what the file does not say holds for no condition."""

    max_width: Pixels | None = Field(default=None, description="Not wider videos (pixels as shown).")
    max_height: Pixels | None = Field(default=None, description="Not higher videos (pixels as shown).")
    min_fps: FramesPerSecond | None = Field(default=None, description="Not fewer frames a second.")
    max_fps: FramesPerSecond | None = Field(default=None, description="Not more frames a second.")
    codec: Annotated[tuple[Annotated[str, Codec()], ...], OneOrMany()] = Field(
        default=(), description="One or a list of video codecs by ffmpeg's names, such as hevc."
    )
    has_audio: Flag | None = Field(default=None, description="Whether there is sound.")
    camera: Annotated[tuple[Annotated[str, Pattern()], ...], OneOrMany()] = Field(
        default=(), description='Make and model as the file says, as patterns in any case, such as "*iPhone*".'
    )
    recorded_since: Annotated[date, Day()] | None = Field(
        default=None, description="Recorded on this day or later, by the clock where it was; one in UTC by the local."
    )
    recorded_before: Annotated[date, Day()] | None = Field(default=None, description="Recorded before this day.")
    file_name: Annotated[tuple[Annotated[str, Pattern()], ...], OneOrMany()] = Field(
        default=(), description='The file\'s name as patterns in any case, such as "IMG_*"; one must match.'
    )


class Contains(Options):
    """Something that is looked for anywhere in the video, however short, against everything else."""

    prompts: Annotated[Prompts, MinLen(1)] = Field(description="What to look for: one text or a list.")
    level: Probability = Field(default=0.5, description="The least probability with which a frame shows it.")
    min_seconds_s: Annotated[float, Duration(0, _DAY_S)] = Field(
        default=1.0,
        alias="min_seconds",
        description="For how long in all. Each frame that is looked at stands for the time around it.",
    )


class Tag(Options):
    """A mark for videos that contain something, wherever they are filed; the history shows it."""

    name: FolderText = Field(description="The mark; also what is looked for, if nothing else is said.")
    when: When | None = Field(default=None, description="Only videos for which these conditions hold.")
    contains: Contains | None = Field(default=None, description="What to look for; default the name.")


class Convert(Options):
    """What becomes of .mov files."""

    mov: MovPolicy = Field(
        default=MovPolicy.REMUX,
        description="remux: into .mp4 where nothing is lost by it, else file the .mov as it is; "
        "transcode: encode the pictures anew; never: file the .mov as it is.",
    )
    keep_original_s: Annotated[float | Literal["auto"] | None, DurationOrAuto(1, 36_500 * _DAY_S, word="forever")] = (
        Field(
            default="auto",
            alias="keep_original",
            description="How long a converted .mov is kept, for undo. "
            "auto: 30 days, and for ever where its pictures were encoded anew.",
        )
    )

    def keep_s(self, *, encoded_anew: bool) -> float | None:
        """Return for how many seconds the original of a conversion is kept, None for ever."""
        if self.keep_original_s == "auto":
            return None if encoded_anew else _KEEP_S
        return self.keep_original_s


class Sampling(Options):
    """How many frames of a video are looked at."""

    min_frames: FrameCount = Field(default=8, description="Frames of the first look; never more than max_frames.")
    max_frames: FrameCount = Field(default=32, description="Frames at most, while the decision is not settled.")


class DuplicateFolder(Options):
    """A folder of the library for duplicates."""

    written: ClassVar[str] = "a folder for them, such as {to: _Duplicates}"

    to: FolderText = Field(description="The folder's name, at the top of the library.")


class Place(Options):
    """How videos are named and where undecided ones go."""

    name: Annotated[str, NameTemplate()] = Field(
        default="{stem}",
        description="The file's name without its ending: text and the fields "
        + ", ".join(f"{{{name}}}" for name in TEMPLATE_FIELDS)
        + ".",
    )
    on_duplicate: Annotated[
        Annotated[Literal[OnDuplicate.KEEP_BOTH, OnDuplicate.SKIP], Shape(WORD)]
        | Annotated[DuplicateFolder, Shape(MAPPING)],
        Discriminator(shape_of),
    ] = Field(
        default=OnDuplicate.KEEP_BOTH,
        description="When the same bytes lie in the library already: keep_both, "
        "skip (leave it in the inbox), or {to: _Duplicates}.",
    )
    review: FolderText = Field(default="_Review", description="The library's folder for undecided videos.")


class Defaults(Options):
    """What rules inherit; each may be set again in a rule, for itself and what is below it."""

    min_score: Probability = Field(default=0.35, description="The least probability with which a rule wins.")
    min_margin: Probability = Field(default=0.1, description="The least lead over the second best.")
    aggregate: Aggregate = Field(
        default=Aggregate.MEAN,
        description="From frames to the video. mean: their average; vote: the share of frames won; "
        "max: the best frame; fraction: the share of frames above fraction_level.",
    )
    fraction_level: Probability = Field(default=0.5, description="The level of `aggregate: fraction`.")
    on_unsure: OnUnsure = Field(
        default=OnUnsure.STOP,
        description="When a rule won but none of its children: stop (in the rule's folder) or review.",
    )
    templates: Templates | None = Field(
        default=None,
        description="Sentences that prompts are put into, {} for the prompt; else the model's own.",
    )
    ensemble: Ensemble = Field(
        default=Ensemble.BEST,
        description="Of several prompts. best: whichever fits the frame best; average: what they have in common.",
    )


class Learn(Options):
    """Corrections: videos that the user put into a rule's folder are examples of it."""

    use: Flag = Field(default=True, description="Judge by examples, too, where they don't make it worse.")
    from_moves: Flag = Field(
        default=True, description="Learn when a filed video is moved to another rule's folder of the library."
    )


class RuleSettings(Options):
    """A rule: a folder, what its videos show, and finer rules within. Unset options come from the rule above.

    Trees may be deeper than Python's stack, so comparing does not recurse, and `repr` and hash leave the
    children out; for dumping use `vsortd.config.dump.plain_settings`.
    """

    name: FolderText = Field(description="The folder's name; also the prompt, if none is given.")
    prompts: Prompts = Field(
        default=(),
        description="What the videos show: one text or a list; default the name, but nothing beside when or contains.",
    )
    when: When | None = Field(
        default=None,
        description="Conditions on facts. With prompts: who may compete; alone: who is filed here whatever is seen.",
    )
    contains: Contains | None = Field(
        default=None, description="Files here whatever contains this, before the others compete; instead of prompts."
    )
    templates: Templates | None = Field(default=None, description="As in defaults.")
    ensemble: Ensemble | None = Field(default=None, description="As in defaults.")
    min_score: Probability | None = Field(default=None, description="As in defaults.")
    min_margin: Probability | None = Field(default=None, description="As in defaults.")
    aggregate: Aggregate | None = Field(default=None, description="As in defaults.")
    fraction_level: Probability | None = Field(default=None, description="As in defaults.")
    on_unsure: OnUnsure | None = Field(default=None, description="As in defaults.")
    none_of_these: Prompts = Field(
        default=(), description="What else a video of this rule may show: competes with its rules."
    )
    rules: tuple[RuleSettings, ...] = Field(default=(), repr=False, description="Finer rules, to any depth.")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RuleSettings):
            return NotImplemented
        waiting = [(self, other)]
        while waiting:
            left, right = waiting.pop()
            if left is right:
                continue
            if left._own() != right._own():
                return False
            waiting.extend(zip(left.rules, right.rules, strict=True))
        return True

    def __hash__(self) -> int:
        return hash(self._own())

    def _own(self) -> tuple[object, ...]:
        """Return everything but the children, and how many there are."""
        fields = type(self).model_fields
        return (len(self.rules), *(getattr(self, name) for name in fields if name != "rules"))


class Settings(Options):
    """A config of vsortd."""

    version: Literal[1] = Field(default=1, description="The version of this file's format.")
    inboxes: tuple[Inbox, ...] = Field(min_length=1, description="The folders that videos are dropped into.")
    library: Annotated[Path, FolderPath()] = Field(description="The folder that videos are filed in.")
    model: Annotated[
        Annotated[Literal["auto", "sample"], Shape(WORD)] | Annotated[ModelChoice, Shape(MAPPING)],
        Discriminator(shape_of),
    ] = Field(
        default="auto",
        description="auto: by device; sample: the small model in the package; "
        "or {name, weights} of any open_clip model.",
    )
    accept: Accept = Field(default_factory=Accept, description="Which videos are sorted.")
    convert: Convert = Field(default_factory=Convert, description="What becomes of .mov files.")
    sampling: Sampling = Field(default_factory=Sampling, description="How many frames of a video are looked at.")
    place: Place = Field(default_factory=Place, description="How videos are named and where undecided ones go.")
    defaults: Defaults = Field(default_factory=Defaults, description="What rules inherit.")
    hierarchy: Hierarchy = Field(
        default=Hierarchy.TOP_DOWN,
        description="How rules with finer rules are scored. top_down: by their own prompts; leaves: with all that is "
        "below them added up; product: by the best path below them.",
    )
    temperature: Annotated[
        Annotated[Literal["auto"], Shape(WORD)] | Annotated[float, Strict(), Ge(0.05), Le(20), Shape(NUMBER)],
        Discriminator(shape_of),
    ] = Field(
        default="auto",
        description="How much scores are softened (above 1) or sharpened (below), so that 0.8 is right 8 times of 10; "
        "auto: as `vsortd eval --calibrate` learned for the model, else as the model's makers left it.",
    )
    learn: Learn = Field(default_factory=Learn, description="What becomes of corrections.")
    tags: tuple[Tag, ...] = Field(default=(), description="Marks for what videos contain, wherever they are filed.")
    none_of_these: Prompts = Field(
        default=(),
        description="What else a video may show: competes with the top rules; where it wins, the video goes to review.",
    )
    rules: tuple[RuleSettings, ...] = Field(
        min_length=1, description="The folders to sort into, the earlier wins a tie."
    )
    workers: Workers = Field(default_factory=Workers, description="The processes that decode videos.")
    control: Literal["socket", "loopback"] = Field(
        default="socket",
        description="Where the daemon listens for commands. socket: a Unix socket in the state folder; loopback: a "
        "port of this machine, with a token that only the user can read (always so on Windows).",
    )
    unload_model_s: Annotated[float | None, Duration(1, 30 * _DAY_S, word="never")] = Field(
        default=None,
        alias="unload_model",
        description="Free the model's memory after so long without a video; the next one waits while it is loaded.",
    )
    unsure: Unsure = Field(default_factory=Unsure, description="Who else is asked about undecided videos.")
    notify: Notify = Field(default_factory=Notify, description="The notifications of `vsortd tray`.")
    journal: JournalOptions = Field(default_factory=JournalOptions, description="Copies of the journal.")
    log: Log = Field(default_factory=Log, description="The daemon's log file.")
