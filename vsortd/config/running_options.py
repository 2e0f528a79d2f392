"""The config file's options of how vsortd runs: its processes, log, journal and notifications."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003 - pydantic looks at it when it builds the models
from typing import Annotated, Literal

from annotated_types import Ge, Le
from pydantic import Discriminator, Field, Strict
from pydantic import Tag as Shape

from vsortd.config.base_options import NUMBER, WORD, Flag, Options, shape_of
from vsortd.config.value_types import Duration, FolderPath, Size

_HOUR_S, _DAY_S = 3_600, 86_400


class Workers(Options):
    """The processes that decode videos, apart from the daemon, so that a bad video costs only itself."""

    decode: Annotated[
        Annotated[Literal["auto"], Shape(WORD)] | Annotated[int, Strict(), Ge(1), Le(256), Shape(NUMBER)],
        Discriminator(shape_of),
    ] = Field(default="auto", description="How many at once; auto: one for each processor core, at most 16.")
    timeout_s: Annotated[float, Duration(1, _DAY_S)] = Field(
        default=60.0, alias="timeout", description="A video that takes longer to read or sample is set aside."
    )
    memory_bytes: Annotated[int, Size(256 * 10**6, 10**12)] = Field(
        default=2 * 10**9, alias="memory", description="Memory that one process may use."
    )
    decoder: Literal["cpu", "cuda"] = Field(
        default="cpu",
        description="What decodes: cpu, or cuda for the decoder of an NVIDIA GPU; what that can't do the CPU does.",
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


class Log(Options):
    """The daemon's log file in the state folder, which `vsortd logs` shows."""

    paths: Literal["full", "relative"] = Field(
        default="full",
        description="full, or relative: without what is above the inboxes and the library, for logs to show around.",
    )
    size_bytes: Annotated[int, Size(100_000, 10**9)] = Field(
        default=10 * 10**6, alias="size", description="A new file is begun when this one has this size."
    )
    keep: Annotated[int, Strict(), Ge(0), Le(100)] = Field(default=5, description="How many old files stay.")


class JournalOptions(Options):
    """Copies of the journal, of which `vsortd doctor --repair` restores the newest; three are kept."""

    copy_after_s: Annotated[float, Duration(1, 30 * _DAY_S)] = Field(
        default=float(_HOUR_S), alias="copy_after", description="A copy is made after so long without a filing."
    )
    copy_to: Annotated[Path, FolderPath()] | None = Field(
        default=None, description="A folder that is there, best on another disk: it gets each copy, too."
    )


class Notify(Options):
    """The desktop's notifications, which `vsortd tray` shows."""

    batches: Flag = Field(default=True, description="One for each batch: how many videos were filed, where.")
    failures: Flag = Field(
        default=True, description="One when videos failed or the daemon has trouble, each told once."
    )
