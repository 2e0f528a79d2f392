"""The config file's options: names, defaults, bounds and help stand here and in the `…_options` beside it.

`vsortd check`, `config show`, the JSON schema and the editor's help are made from these models. Every level
forbids unknown keys. Attributes carry units in their names (`settle_s`); the keys of the file don't need to
(`settle: 2s`).
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - as below
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - pydantic looks at it when it builds the models
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le, MinLen
from pydantic import Discriminator, Field, Strict
from pydantic import Tag as Shape

from vsortd.config.after_options import AfterChoice  # noqa: TC001 - pydantic looks at it when it builds the models
from vsortd.config.base_options import MAPPING, NUMBER, WORD, Flag, Options, shape_of
from vsortd.config.choices import Aggregate, Ensemble, Hierarchy, OnUnsure, SamplingBy
from vsortd.config.condition_options import Accept, Probability, When
from vsortd.config.detector_options import DetectorOptions  # noqa: TC001 - pydantic looks at it
from vsortd.config.fetch_options import Fetch
from vsortd.config.former_versions import PRESENT
from vsortd.config.inbox_options import Inbox  # noqa: TC001 - pydantic looks at it
from vsortd.config.place_options import Place, RulePlace
from vsortd.config.running_options import JournalOptions, Log, Notify, Transcript, Workers
from vsortd.config.sound_options import SoundModel
from vsortd.config.tag_options import Contains, Facet, Prompts, TagPart
from vsortd.config.unsure_options import Unsure
from vsortd.config.value_types import (
    Duration,
    DurationOrAuto,
    FolderName,
    FolderPath,
    ModelName,
    OneOrMany,
    PromptTemplate,
    Weights,
)
from vsortd.config.web_options import Web, WebChoice

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400
_KEEP_S = 30.0 * _DAY_S  # originals of which the MP4 has lost nothing

FrameCount = Annotated[int, Strict(), Ge(1), Le(512)]
FolderText = Annotated[str, FolderName()]
Templates = Annotated[tuple[Annotated[str, PromptTemplate()], ...], MinLen(1), OneOrMany()]


class MovPolicy(StrEnum):
    """What becomes of a .mov file."""

    NEVER = "never"
    REMUX = "remux"
    TRANSCODE = "transcode"


class OtherPolicy(StrEnum):
    """What becomes of a file in another container than MP4 and MOV."""

    NEVER = "never"
    REMUX = "remux"


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


class Tag(Options):
    """A mark for videos that contain something, wherever they are filed; the history shows it."""

    name: FolderText = Field(description="The mark; also what is looked for, if `contains` does not say it.")
    when: When | None = Field(default=None, description="Only videos for which these conditions hold.")
    contains: Contains | None = Field(default=None, description="What to look for; default the name.")


class Convert(Options):
    """What is done with .mov files and with other containers."""

    mov: MovPolicy = Field(
        default=MovPolicy.REMUX,
        description="remux: into .mp4 if nothing is lost, else file the .mov as it is; "
        "transcode: re-encode the pictures; never: file the .mov as it is.",
    )
    other: OtherPolicy = Field(
        default=OtherPolicy.NEVER,
        description="What is done with other containers (mkv, avi, ts …). remux: into .mp4 if nothing is lost, "
        "else file it as it is; never: file it as it is.",
    )
    keep_original_s: Annotated[float | Literal["auto"] | None, DurationOrAuto(1, 36_500 * _DAY_S, word="forever")] = (
        Field(
            default="auto",
            alias="keep_original",
            description="How long the original of a conversion is kept, for undo. "
            "auto: 30 days, and for ever if its pictures were re-encoded.",
        )
    )

    def keep_s(self, *, encoded_anew: bool) -> float | None:
        """Return for how many seconds the original of a conversion is kept, None for ever."""
        if self.keep_original_s == "auto":
            return None if encoded_anew else _KEEP_S
        return self.keep_original_s


class Sampling(Options):
    """How many frames of a video are looked at."""

    min_frames: FrameCount = Field(default=8, description="Frames of the first round; never more than max_frames.")
    max_frames: FrameCount = Field(
        default=32, description="The greatest number of frames, if the decision stays unclear."
    )
    by: SamplingBy = Field(
        default=SamplingBy.TIME,
        description="time: frames spread over the video; shots: the key frame of each shot, however long. Shots "
        "take a pass over the whole video, once.",
    )


class Defaults(Options):
    """What rules inherit; a rule can set each of them for itself and the rules below it."""

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
    sound_weight: Probability = Field(
        default=0.5, description="How much `sound` of a rule counts against what is seen: 0 nothing, 1 as much."
    )


class Learn(Options):
    """Corrections: videos that the user put into a rule's folder are examples of it."""

    use: Flag = Field(default=True, description="Also judge by examples, unless they make decisions worse.")
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
    sound: Prompts = Field(
        default=(), description="What is heard in the videos, beside what they show: one text or a list."
    )
    sound_weight: Probability | None = Field(default=None, description="As in defaults.")
    templates: Templates | None = Field(default=None, description="As in defaults.")
    ensemble: Ensemble | None = Field(default=None, description="As in defaults.")
    min_score: Probability | None = Field(default=None, description="As in defaults.")
    min_margin: Probability | None = Field(default=None, description="As in defaults.")
    aggregate: Aggregate | None = Field(default=None, description="As in defaults.")
    fraction_level: Probability | None = Field(default=None, description="As in defaults.")
    on_unsure: OnUnsure | None = Field(default=None, description="As in defaults.")
    place: RulePlace | None = Field(default=None, description="How its videos are placed, if not as in place.")
    none_of_these: Prompts = Field(
        default=(), description="What else a video of this rule may show: competes with its rules."
    )
    after: AfterChoice | None = Field(
        default=None, description="What happens after its videos, and those of its rules; none: nothing."
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

    version: Literal[2] = Field(default=PRESENT, description="The version of this file's format.")
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
    detector: DetectorOptions | None = Field(default=None, description="What finds objects for rules and `analyze`.")
    sound_model: Annotated[str | None, SoundModel()] = Field(
        default=None,
        description="none, or the CLAP model that listens, for `sound` of rules: of the hub, such as "
        "laion/clap-htsat-unfused, or a folder (extra: audio).",
    )
    accept: Accept = Field(default_factory=Accept, description="Which videos are sorted.")
    convert: Convert = Field(
        default_factory=Convert, description="What is done with .mov files and with other containers."
    )
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
        description="How much scores are softened (above 1) or sharpened, so that 0.8 is right 8 times out of 10; "
        "auto: as `vsortd eval --calibrate` learned for the model, else the model's own.",
    )
    learn: Learn = Field(default_factory=Learn, description="How corrections are used.")
    tags: tuple[Tag, ...] = Field(default=(), description="Marks for what videos contain, wherever they are filed.")
    facets: dict[Annotated[str, TagPart()], Facet] = Field(
        default_factory=dict,
        description="Separate questions about every video, such as mood: {calm: …, tense: …}. "
        "The value that wins becomes the tag mood:calm.",
    )
    none_of_these: Prompts = Field(
        default=(),
        description="What else a video may show: competes with the top rules; if it wins, the video goes to review.",
    )
    rules: tuple[RuleSettings, ...] = Field(
        min_length=1, description="The folders to sort into; in a tie, the earlier rule wins."
    )
    transcript: Transcript = Field(
        default_factory=Transcript,
        description="What transcribes speech, in addition to the subtitles; off by default.",
    )
    fetch: Fetch = Field(default_factory=Fetch, description="What is fetched from the web, and how much of it is kept.")
    workers: Workers = Field(default_factory=Workers, description="The processes that decode videos.")
    control: Literal["socket", "loopback"] = Field(
        default="socket",
        description="Where the daemon listens for commands. socket: a Unix socket in the state folder; loopback: a "
        "port of this machine, with a token that only the user can read (always so on Windows).",
    )
    unload_model_s: Annotated[float | None, Duration(1, 30 * _DAY_S, word="never")] = Field(
        default=None,
        alias="unload_model",
        description="Free the model's memory after this time without a video; the next video waits while it is loaded.",
    )
    unsure: Unsure = Field(default_factory=Unsure, description="Who else is asked about undecided videos.")
    after: AfterChoice = Field(
        default="none", description="What happens after a video: a command, a request; a rule can have its own."
    )
    notify: Notify = Field(default_factory=Notify, description="Notifications: of `vsortd tray`, and by `urls`.")
    web: WebChoice = Field(
        default_factory=Web,
        validate_default=False,
        description="The page, which `vsortd open` shows in the browser: where it listens, or off.",
    )
    journal: JournalOptions = Field(default_factory=JournalOptions, description="Copies of the journal.")
    log: Log = Field(default_factory=Log, description="The daemon's log file.")

    def __hash__(self) -> int:
        """Return the same for settings that are equal; of facets, a mapping, by what it holds."""
        held = {**self.__dict__, "facets": frozenset(self.facets.items())}
        return hash(tuple(held[name] for name in type(self).model_fields))
