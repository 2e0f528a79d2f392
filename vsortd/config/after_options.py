"""The config file's options of what happens after a video: a command, a request, for each video or for each batch."""

from __future__ import annotations

import string
from collections.abc import Mapping  # noqa: TC003 - pydantic looks at it when it builds the models
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - as above
from typing import Annotated, Any, ClassVar, Final, Literal

from annotated_types import Ge, Le, MinLen
from pydantic import Discriminator, Field, Strict
from pydantic import Tag as Shape

from vsortd.config.base_options import MAPPING, WORD, Flag, Options, shape_of
from vsortd.config.unsure_options import VariableName
from vsortd.config.value_types import Duration, FolderPath, OneOrMany, TextKind, wrong
from vsortd.core.server_address import ServerAddress

_HOUR_S = 3_600

VIDEO_FIELDS: Final = (
    "path", "name", "stem", "folder", "source", "destination", "state", "rule", "tags", "score", "margin", "id",
    "batch", "time", "converted", "reason",
)  # fmt: skip
"""What a command is told of one video, as `{field}` in its words and as VSORTD_FIELD in its environment."""
BATCH_FIELDS: Final = ("items", "count")
"""What it is told with `batch: true`: a JSON file with the entries of all videos, and how many these are."""


class HookEvent(StrEnum):
    """After which end of a video something happens; the values are those of `outcomes.ItemState`."""

    FILED = "filed"
    REVIEW = "review"
    FAILED = "failed"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)


def word_fields(word: str) -> list[str]:
    """Return the fields that a word of a command asks for. Raises ValueError where its braces don't match."""
    return [field for _, field, _, _ in string.Formatter().parse(word) if field is not None]


@dataclass(frozen=True)
class CommandWord(TextKind):
    """A word of a command: text with fields in braces; a brace that is meant as such is doubled."""

    what: ClassVar[str] = (
        f"the program, then each of its arguments as a text of its own, out of text and the fields "
        f"{_listed(VIDEO_FIELDS)}; with batch: true {_listed(BATCH_FIELDS)}"
    )

    def check(self, text: str) -> str:  # noqa: D102
        try:
            parts = list(string.Formatter().parse(text))
        except ValueError:
            raise wrong("its braces don't match; one that is meant as such is doubled") from None
        for _, name, spec, conversion in parts:
            if name is not None and name not in (*VIDEO_FIELDS, *BATCH_FIELDS):
                raise wrong(f'there is no field "{{{name}}}"')
            if spec or conversion:
                raise wrong(f'the field "{{{name}}}" takes no format or conversion')
        return text


@dataclass(frozen=True)
class PostAddress(TextKind):
    """The address that something is posted to, as it was written."""

    what: ClassVar[str] = "an address without ? or #, such as http://127.0.0.1:8123/api/webhook/vsortd"

    def check(self, text: str) -> str:  # noqa: D102
        try:
            ServerAddress.parse(text)
        except ValueError as error:
            raise wrong(str(error)) from None
        return text

    def schema(self) -> dict[str, Any]:  # noqa: D102
        return {"type": "string", "pattern": r"^https?://[^/?#@\s]+(/[^?#\s]*)?$"}


class After(Options):
    """What happens after a video: a command, a request, or both. Filing never waits for it."""

    written: ClassVar[str] = 'what happens then, such as {run: [program, "{path}"]} or {post: "http://127.0.0.1:8000/"}'
    no_word: ClassVar[str] = "none, or what happens, in braces"
    misnamed: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("command", "cmd", "exec", "script"), "run"),
        **dict.fromkeys(("url", "webhook", "address", "http"), "post"),
        **dict.fromkeys(("key", "api_key", "token", "headers"), "key_file"),
        **dict.fromkeys(("timeout", "wait"), "time_limit"),
        **dict.fromkeys(("on", "when", "events", "state"), "states"),
    }

    run: Annotated[tuple[Annotated[str, CommandWord()], ...], MinLen(1), OneOrMany()] | None = Field(
        default=None,
        description="The command that is run: a program and its arguments, each a text of its own. No shell reads it.",
    )
    post: Annotated[str, PostAddress()] | None = Field(
        default=None,
        description="The address that the video's entry of `vsortd history --json` is posted to; of a batch, a list.",
    )
    states: Annotated[tuple[HookEvent, ...], MinLen(1), OneOrMany()] = Field(
        default=(HookEvent.FILED,), description="After which videos: those that were filed, went to review, or failed."
    )
    batch: Flag = Field(default=False, description="Once for each batch with all its videos, not once for each video.")
    time_limit_s: Annotated[float, Duration(0.1, _HOUR_S)] = Field(
        default=60.0, alias="time_limit", description="A command that takes longer is ended, a request given up."
    )
    retries: Annotated[int, Strict(), Ge(0), Le(20)] = Field(
        default=3,
        description="How often it is tried again if it failed, at growing intervals: after 10 s, 1 m, 10 m, 1 h.",
    )
    anywhere: Flag = Field(
        default=False,
        description="Post outside this machine and your own network, too: names and folders of your videos go there.",
    )
    key_env: Annotated[str, VariableName()] | None = Field(
        default=None, description="The environment variable that holds the server's key (Authorization: Bearer …)."
    )
    key_file: Annotated[Path, FolderPath()] | None = Field(
        default=None, description="The file that holds the server's key, readable by you alone."
    )


NO_HOOK: Final = "none"

AfterChoice = Annotated[
    Annotated[Literal["none"], Shape(WORD)] | Annotated[After, Shape(MAPPING)], Discriminator(shape_of)
]
"""`none`, or what happens; in a rule it stands in the place of what is inherited."""
