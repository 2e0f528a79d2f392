"""The config file's options of how vsortd runs: its processes, log, journal and notifications."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping  # noqa: TC003 - pydantic looks at it when it builds the models
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Le
from pydantic import Discriminator, Field, Strict
from pydantic import Tag as Shape

from vsortd.config.base_options import NUMBER, WORD, Flag, Options, shape_of
from vsortd.config.value_types import Duration, FolderPath, OneOrMany, Size, TextKind, wrong
from vsortd.core.push_sender import service_of

_HOUR_S, _DAY_S = 3_600, 86_400

NEEDS_RESTART = frozenset({"workers", "control", "web"})
"""Options that a reload can't change."""


class Workers(Options):
    """The processes that decode videos, apart from the daemon, so that a bad video fails alone."""

    misnamed: ClassVar[Mapping[str, str]] = dict.fromkeys(("timeout", "wait"), "time_limit")

    decode: Annotated[
        Annotated[Literal["auto"], Shape(WORD)] | Annotated[int, Strict(), Ge(1), Le(256), Shape(NUMBER)],
        Discriminator(shape_of),
    ] = Field(default="auto", description="How many at once; auto: one for each processor core, at most 16.")
    time_limit_s: Annotated[float, Duration(1, _DAY_S)] = Field(
        default=60.0, alias="time_limit", description="A video that takes longer to read or sample is set aside."
    )
    memory_bytes: Annotated[int, Size(256 * 10**6, 10**12)] = Field(
        default=2 * 10**9, alias="memory", description="Memory that one process may use."
    )
    decoder: Literal["cpu", "cuda"] = Field(
        default="cpu",
        description="What decodes: cpu, or cuda for the decoder of an NVIDIA GPU; the CPU does what it can't do.",
    )
    confine: Literal["auto", "require"] = Field(
        default="auto",
        description="auto: what reads videos may do nothing else, as far as the system can see to it; "
        "require: without that nothing is read.",
    )

    @property
    def must_confine(self) -> bool:
        """Tell whether no decoder may run that isn't confined."""
        return self.confine == "require"

    def decode_count(self) -> int:
        """Return how many decoding processes to run."""
        if isinstance(self.decode, int):
            return self.decode
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, min(cores, 16))


@dataclass(frozen=True)
class SpeechModel(TextKind):
    """A speech model by its name, or the folder that it lies in."""

    what: ClassVar[str] = "a speech model's name, such as small, or its folder from / or ~ on"

    def check(self, text: str) -> str:  # noqa: D102
        if text.startswith("~") or Path(text).is_absolute():
            return str(Path(text).expanduser())
        if not re.fullmatch(r"[\w.\-]+(/[\w.\-]+)?", text):
            raise wrong("this is neither a model's name nor a folder")
        return text


@dataclass(frozen=True)
class SpeechLanguage(TextKind):
    """A language by its code."""

    what: ClassVar[str] = "a language's code, such as en or de"

    def check(self, text: str) -> str:  # noqa: D102
        if not re.fullmatch(r"[a-z]{2,3}", text):
            raise wrong("this is no code of a language")
        return text


class Transcript(Options):
    """What transcribes speech, in addition to the subtitles, for `search --said` and `when: {said: ...}`."""

    model: Annotated[str, SpeechModel()] | None = Field(
        default=None,
        description="A Whisper model for faster-whisper by name (small, turbo), which must be on this machine already, "
        "or its folder; without a model nothing is transcribed. Extra: speech.",
    )
    language: Annotated[str, SpeechLanguage()] | None = Field(
        default=None, description="The language that is spoken, such as en; without it, it is detected for each video."
    )


class Log(Options):
    """The daemon's log file in the state folder, which `vsortd logs` shows."""

    misnamed: ClassVar[Mapping[str, str]] = {"size": "max_size"}

    paths: Literal["full", "relative"] = Field(
        default="full",
        description="full, or relative: without the folders above the inboxes and the library, for logs to share.",
    )
    max_size_bytes: Annotated[int, Size(100_000, 10**9)] = Field(
        default=10 * 10**6, alias="max_size", description="A new file is started when the log reaches this size."
    )
    keep: Annotated[int, Strict(), Ge(0), Le(100)] = Field(default=5, description="How many old files are kept.")


class JournalOptions(Options):
    """Copies of the journal, of which `vsortd doctor --repair` restores the newest; three are kept."""

    copy_after_s: Annotated[float, Duration(1, 30 * _DAY_S)] = Field(
        default=float(_HOUR_S), alias="copy_after", description="A copy is made after this time without a filing."
    )
    copy_to: Annotated[Path, FolderPath()] | None = Field(
        default=None, description="An existing folder, best on another disk, that also gets each copy."
    )


@dataclass(frozen=True)
class NotifyUrl(TextKind):
    """Where a notification is sent, by an address of apprise; most of them hold a secret."""

    what: ClassVar[str] = "an address of apprise, such as ntfy://my-topic"
    secret: ClassVar[bool] = True

    def check(self, text: str) -> str:  # noqa: D102
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.\-]*://[^\s/?#][^\s]*", text):
            raise wrong("this is no address: it begins with the service's name and ://, and holds no space")
        return text

    def show(self, value: str) -> str:  # noqa: D102 - of many services the host is a secret, too
        return f"{service_of(value)}://…"

    def schema(self) -> dict[str, Any]:  # noqa: D102
        return {"type": "string", "pattern": r"^[A-Za-z][A-Za-z0-9+.\-]*://[^\s/?#][^\s]*$"}


class Notify(Options):
    """Notifications: the desktop's, which `vsortd tray` shows, and those that the daemon sends to `urls`."""

    misnamed: ClassVar[Mapping[str, str]] = dict.fromkeys(("url", "to", "apprise", "services"), "urls")

    batches: Flag = Field(default=True, description="One for each batch: how many videos were filed, where.")
    failures: Flag = Field(default=True, description="One if videos failed or the daemon has a problem, once for each.")
    urls: Annotated[tuple[Annotated[str, NotifyUrl()], ...], OneOrMany()] = Field(
        default=(),
        description="Where the daemon sends the same: addresses of apprise, such as ntfy://my-topic (extra: notify).",
    )
