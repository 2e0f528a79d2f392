"""What marks videos wherever they are filed: what they contain, and answers to questions of their own (`facets`)."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - as below
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Le, MinLen
from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, Strict, model_serializer

from vsortd.config.base_options import Options
from vsortd.config.choices import Look
from vsortd.config.condition_options import Probability  # noqa: TC001 - as below
from vsortd.config.value_types import Duration, OneOrMany, Prompt, TextKind, text_of, wrong
from vsortd.core.names import TAG_PART_MAX_BYTES, nfc, tag_part_problem

_DAY_S = 86_400

Prompts = Annotated[tuple[Annotated[str, Prompt()], ...], OneOrMany()]


@dataclass(frozen=True)
class TagPart(TextKind):
    """The name of a facet or of one of its values; both make the tag `facet:value`, in one form of Unicode."""

    what: ClassVar[str] = (
        f"a name of at most {TAG_PART_MAX_BYTES} bytes, such as mood or calm: no : / \\ ! and no brackets or braces"
    )

    def read(self, value: object) -> str:  # noqa: D102
        name = nfc(text_of(value))
        if problem := tag_part_problem(name):
            raise wrong(problem)
        return name

    def schema(self) -> dict[str, Any]:  # noqa: D102
        # with a pattern these would be `patternProperties`, beside which editors take any other name
        return {"type": "string", "minLength": 1, "maxLength": TAG_PART_MAX_BYTES}


class Contains(Options):
    """Something that is looked for anywhere in the video, however short, against everything else."""

    misnamed: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("min", "count"), "min_count"),
        **dict.fromkeys(("level", "score"), "min_score"),
        **dict.fromkeys(("min_seconds", "seconds"), "min_duration"),
    }

    prompts: Annotated[Prompts, MinLen(1)] = Field(default=(), description="What to look for: one text or a list.")
    objects: Annotated[Prompts, MinLen(1)] = Field(
        default=(), description="Instead: things that the detector finds, by the names of its classes, such as person."
    )
    min_count: Annotated[int, Strict(), Ge(1), Le(100)] = Field(
        default=1, description="How many of these objects at once."
    )
    look: Look = Field(
        default=Look.FRAMES,
        description="frames: at whole frames; crops: at parts of them, too, which finds what is small in the picture "
        "and takes several times as long.",
    )
    min_score: Probability = Field(
        default=0.5, description="The least probability with which a frame shows it; of objects, of each."
    )
    min_duration_s: Annotated[float, Duration(0, _DAY_S)] = Field(
        default=1.0,
        alias="min_duration",
        description="For how long in all. Each frame that is looked at stands for the time around it.",
    )

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Leave out what means nothing beside the other, so that what is shown loads again."""
        beside = {"prompts", "look"} if self.objects else {"objects", "min_count"}
        return {name: value for name, value in handler(self).items() if name not in beside}


class Facet(Options):
    """A separate question about every video: values with what they look like; one of them wins, or none.

    Beside the options every key is a value.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[Annotated[str, TagPart()], Annotated[Prompts, MinLen(1)]] = Field(init=False)

    written: ClassVar[str] = "values and what each looks like, such as {calm: [still water], tense: somebody runs}"

    min_score: Probability | None = Field(default=None, description="As in defaults.")
    min_margin: Probability | None = Field(default=None, description="As in defaults.")
    none_of_these: Prompts = Field(default=(), description="What else a video may show: competes with the values.")

    @property
    def prompts(self) -> Mapping[str, tuple[str, ...]]:
        """The prompts of each value, in the order of the file."""
        return self.__pydantic_extra__
