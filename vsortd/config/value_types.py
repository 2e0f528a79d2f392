"""The kinds of values that options hold: each reads a value, says what is allowed, and gives its schema.

A kind stands in an option's annotation, `Annotated[float, Duration(min_s=1)]`, and is the only place where
its bounds are; messages, JSON schema and `config show` take them from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pydantic_core import PydanticCustomError, core_schema

from vsortd.core import names, units
from vsortd.core.paths import as_on_disk
from vsortd.errors import UsageError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

WRONG = "vsortd_wrong"
"""Type of the errors that kinds raise: the message is in `ctx["why"]`."""
WANTS_TEXT = "vsortd_text"
"""Type of the error for a value that isn't text where text is wanted (a forgotten pair of quotes, mostly)."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_PROMPT_MAX_CHARS = 1_000  # a model reads 32 to 77 tokens; longer is a pasted file


def wrong(why: str) -> PydanticCustomError:
    """Return the error to raise for a value that can't be taken."""
    return PydanticCustomError(WRONG, "{why}", {"why": why})


def text_of(value: object) -> str:
    """Return `value` if it is text, else raise the error that leads to a hint about quotes."""
    if not isinstance(value, str):
        raise PydanticCustomError(WANTS_TEXT, "a text is wanted")
    return value


@dataclass(frozen=True)
class ValueKind:
    """Base of all kinds: `read` turns what YAML holds into the option's value, `show` goes back."""

    secret: ClassVar[bool] = False

    def read(self, value: Any) -> object:  # noqa: ANN401
        """Return the option's value, or raise a PydanticCustomError (`wrong`)."""
        raise NotImplementedError

    def show(self, value: Any) -> object:  # noqa: ANN401
        """Return what would be written in YAML for `value`."""
        return value

    def allowed(self) -> str:
        """Say what may be written."""
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema."""
        raise NotImplementedError

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        show = core_schema.plain_serializer_function_ser_schema(self.show, when_used="json")
        return core_schema.no_info_plain_validator_function(self.read, serialization=show)

    def __get_pydantic_json_schema__(self, _: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return self.schema()


@dataclass(frozen=True)
class Duration(ValueKind):
    """Seconds as a float, written `2s`, `500ms`, `1h30m` or as a number; `word` stands for None."""

    min_s: float
    max_s: float
    word: str = ""

    def read(self, value: Any) -> float | None:  # noqa: ANN401, D102
        if value is None or (self.word and value == self.word):
            if self.word:
                return None
            raise wrong("a duration is wanted, but nothing stands here")
        if not isinstance(value, (str, int, float)):
            raise wrong("this is not a duration")
        try:
            seconds = units.parse_duration(value)
        except ValueError as error:
            raise wrong(
                f"this is not a duration ({error})" if str(error) != "not a duration" else "this is not a duration"
            ) from None
        if seconds < self.min_s:
            raise wrong("this is too short")
        if seconds > self.max_s:
            raise wrong("this is too long")
        return seconds

    def show(self, value: float | None) -> str | None:  # noqa: D102
        return (self.word or None) if value is None else units.format_duration(value)

    def allowed(self) -> str:  # noqa: D102
        low, high = units.format_duration(self.min_s), units.format_duration(self.max_s)
        text = f"a duration from {low} to {high}, such as 500ms, 2s, 1m, 2h, 30d, or a number of seconds"
        return f"{text}; or {self.word}" if self.word else text

    def schema(self) -> dict[str, Any]:  # noqa: D102
        ways: list[dict[str, Any]] = [
            {"type": "string", "pattern": units.DURATION_PATTERN},
            {"type": "number", "minimum": self.min_s, "maximum": self.max_s},
        ]
        return {"anyOf": [{"const": self.word}, *ways] if self.word else ways}


AUTO = "auto"


@dataclass(frozen=True)
class DurationOrAuto(Duration):
    """A duration, or `auto`: what it then is depends on other options."""

    def read(self, value: Any) -> Any:  # noqa: ANN401, D102 - seconds, None for the word, or AUTO
        return AUTO if value == AUTO else super().read(value)

    def show(self, value: float | str | None) -> str | None:  # noqa: D102
        return AUTO if value == AUTO else super().show(cast("float | None", value))

    def allowed(self) -> str:  # noqa: D102
        return f"{AUTO}; {super().allowed()}"

    def schema(self) -> dict[str, Any]:  # noqa: D102
        return {"anyOf": [{"const": AUTO}, *super().schema()["anyOf"]]}


@dataclass(frozen=True)
class Size(ValueKind):
    """Whole bytes, written `2GB`, `512MiB` or as a number of bytes."""

    min_bytes: int
    max_bytes: int

    def read(self, value: Any) -> int:  # noqa: ANN401, D102
        try:
            size_bytes = units.parse_size(value)
        except ValueError as error:
            raise wrong("this is not a size" if str(error) == "not a size" else str(error)) from None
        if size_bytes < self.min_bytes:
            raise wrong("this is too little")
        if size_bytes > self.max_bytes:
            raise wrong("this is too much")
        return size_bytes

    def show(self, value: int) -> str:  # noqa: D102
        return units.format_size(value)

    def allowed(self) -> str:  # noqa: D102
        low, high = units.format_size(self.min_bytes), units.format_size(self.max_bytes)
        return f"a size from {low} to {high}, such as 512MiB or 2GB, or a number of bytes"

    def schema(self) -> dict[str, Any]:  # noqa: D102
        return {
            "anyOf": [
                {"type": "string", "pattern": units.SIZE_PATTERN},
                {"type": "integer", "minimum": self.min_bytes, "maximum": self.max_bytes},
            ]
        }


@dataclass(frozen=True)
class TextKind(ValueKind):
    """Text, not empty, without control characters; subclasses say what else."""

    what: ClassVar[str] = "a text"

    def read(self, value: Any) -> object:  # noqa: ANN401, D102
        text = text_of(value)
        if not text.strip():
            raise wrong("this is empty")
        if _CONTROL.search(text):
            raise wrong("control characters and line breaks can't stand here")
        if len(text) > _PROMPT_MAX_CHARS:
            raise wrong(f"this is {len(text):,} characters long")
        return self.check(text)

    def check(self, text: str) -> object:
        """Return the option's value out of sound text, or raise `wrong`."""
        return text

    def allowed(self) -> str:  # noqa: D102
        return self.what

    def schema(self) -> dict[str, Any]:  # noqa: D102
        return {"type": "string", "minLength": 1, "maxLength": _PROMPT_MAX_CHARS}


@dataclass(frozen=True)
class Prompt(TextKind):
    """Words that describe what a video shows."""

    what: ClassVar[str] = f"a text of at most {_PROMPT_MAX_CHARS:,} characters"


@dataclass(frozen=True)
class Pattern(TextKind):
    """A shell pattern for file names."""

    what: ClassVar[str] = 'a pattern for names, in quotes, such as "*.tmp"'


@dataclass(frozen=True)
class Codec(TextKind):
    """A video codec by ffmpeg's name."""

    what: ClassVar[str] = "a video codec by ffmpeg's name, such as h264, hevc, av1, vp9 or prores"

    def check(self, text: str) -> str:  # noqa: D102
        if not re.fullmatch(r"[A-Za-z0-9_.\-]+", text):
            raise wrong("this is not a codec's name")
        return _CODEC_NAMES.get(text.casefold().replace(".", "").replace("-", ""), text.casefold())


# What people write for ffmpeg's names.
_CODEC_NAMES = {"h265": "hevc", "x265": "hevc", "avc": "h264", "avc1": "h264", "x264": "h264", "hvc1": "hevc"}


@dataclass(frozen=True)
class Day(ValueKind):
    """A calendar day, written `2026-11-24`, with or without quotes."""

    def read(self, value: Any) -> date:  # noqa: ANN401, D102
        text = value if isinstance(value, str) else getattr(value, "text", None)  # YAML takes a bare one for a date
        if isinstance(value, date):
            return value
        if not isinstance(text, str):
            raise wrong("this is not a day")
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise wrong("there is no such day") from None

    def show(self, value: date) -> str:  # noqa: D102
        return value.isoformat()

    def allowed(self) -> str:  # noqa: D102
        return "a day as year-month-day, such as 2026-11-24"

    def schema(self) -> dict[str, Any]:  # noqa: D102
        return {"type": "string", "format": "date"}


@dataclass(frozen=True)
class ModelName(TextKind):
    """An open_clip model's name."""

    what: ClassVar[str] = "the name of an open_clip model, such as ViT-B-32-256"

    def check(self, text: str) -> str:  # noqa: D102
        if text.casefold() in {"auto", "sample"}:
            raise wrong(f"{text.casefold()} stands alone: write `model: {text.casefold()}`")
        return text


@dataclass(frozen=True)
class Weights(TextKind):
    """A pretrained tag, or a checkpoint file; `~` is expanded."""

    what: ClassVar[str] = "a pretrained tag of that model, such as datacomp_s34b_b86k, or the path of a checkpoint file"

    def check(self, text: str) -> str:  # noqa: D102
        return str(_expanded(text)) if text.startswith("~") else text


@dataclass(frozen=True)
class PromptTemplate(TextKind):
    """A sentence with one `{}` where the prompt goes."""

    what: ClassVar[str] = 'a text with one {} where the prompt goes, such as "a photo of {}"'

    def check(self, text: str) -> str:  # noqa: D102
        if text.count("{}") != 1 or text.replace("{}", "", 1).count("{") or text.replace("{}", "", 1).count("}"):
            raise wrong("a template has exactly one {} and no other braces")
        return text

    def schema(self) -> dict[str, Any]:  # noqa: D102
        return {"type": "string", "pattern": r"^[^{}]*\{\}[^{}]*$"}


@dataclass(frozen=True)
class FolderName(TextKind):
    """A name that can be one folder on every system."""

    what: ClassVar[str] = (
        f"one folder's name of at most {names.NAME_MAX_BYTES} bytes: no / or \\, no control characters, "
        "no dot or space at the end, none of Windows' reserved names (CON, NUL, COM1, …)"
    )

    def read(self, value: Any) -> str:  # noqa: ANN401, D102
        name = names.nfc(text_of(value))  # one form everywhere, however it was typed; on the disk there may be others
        if problem := names.folder_name_problem(name):
            raise wrong(problem)
        return name

    def schema(self) -> dict[str, Any]:  # noqa: D102
        pattern = r"^[^/\\]*[^/\\. ]$"
        return {"type": "string", "minLength": 1, "maxLength": names.NAME_MAX_BYTES, "pattern": pattern}


@dataclass(frozen=True)
class NameTemplate(TextKind):
    """The template of `place.name`."""

    what: ClassVar[str] = (
        "a file name without its ending, out of text and the fields "
        + ", ".join(f"{{{field}}}" for field in names.TEMPLATE_FIELDS)
        + ", {n} or {n:04} for a counter, or {facet} of a facet of this config"
    )

    def check(self, text: str) -> str:  # noqa: D102
        if problem := names.template_problem(text, ANY_FACET):
            raise wrong(problem)
        return text

    def schema(self) -> dict[str, Any]:  # noqa: D102
        return {"type": "string", "minLength": 1, "pattern": r"^([^{}/\\]|\{[^{}:/\\!\[\]]+\}|\{n:0[1-9]\})+$"}


class _AnyFacet:
    """All names that a facet may have; which there are is seen where the file is looked at whole."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and names.tag_part_problem(name) is None


ANY_FACET = _AnyFacet()


@dataclass(frozen=True)
class FolderPath(TextKind):
    """An absolute path; `~` is expanded."""

    what: ClassVar[str] = "an absolute path, or one that begins with ~"

    def read(self, value: Any) -> Path:  # noqa: ANN401, D102
        text = str(value) if isinstance(value, Path) else text_of(value)
        if not text.strip():
            raise wrong("this is empty")
        if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
            raise wrong("a path can't hold this character")
        path = _expanded(text)
        if not path.is_absolute():
            raise wrong("a relative path would mean another folder each time vsortd is started elsewhere")
        try:
            return as_on_disk(path)
        except UsageError as error:
            raise wrong(error.title) from None

    def show(self, value: Path) -> str:  # noqa: D102
        return str(value)

    def schema(self) -> dict[str, Any]:  # noqa: D102
        return {"type": "string", "pattern": r"^(~|/|[A-Za-z]:[/\\]|\\\\)"}


def _expanded(text: str) -> Path:
    """Expand `~` and `~user`; raises `wrong` for a user that does not exist."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise wrong("there is no such user on this machine") from None


@dataclass(frozen=True)
class OneOrMany:
    """A list whose single item may stand alone: `prompts: a forest` is `prompts: [a forest]`."""

    literals: tuple[str, ...] = ()  # a word that stands for a whole list of choices
    meaning: tuple[str, ...] = ()

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(self._listed, handler(source))

    def _listed(self, value: object) -> object:
        """Make a list out of a single text."""
        if isinstance(value, str):
            return list(self.meaning) if value in self.literals else [value]
        return value

    def __get_pydantic_json_schema__(
        self, core: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        many = handler(core)
        alone = [{"const": word} for word in self.literals]
        return {"anyOf": [*alone, many["items"], many]}
