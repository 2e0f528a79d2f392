"""What `vsortd doctor` looks at: each finding says what was found and, where something is amiss, what to type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.core.text import counted
from vsortd.doctor.finding import Finding, Severity
from vsortd.errors import VsortdError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Finding", "Severity", "examine"]


def examine(config: Path | None, *, quick: bool = False) -> Iterator[Finding]:
    """Look at everything that can be looked at, one after the other; one broken part does not hide the others.

    `quick` leaves out what takes seconds: loading the model, and sorting a clip.
    """
    from vsortd.doctor import decoder_checks, folder_checks, machine_checks, model_checks, trial

    yield from machine_checks.versions()
    yield from machine_checks.ffmpeg()
    yield from machine_checks.device()
    yield machine_checks.clock()
    yield from machine_checks.limits()
    yield from folder_checks.state()
    try:
        from vsortd.config.load import load_settings
        from vsortd.core.paths import find_config

        path = find_config(config)
        settings = load_settings(path)
    except VsortdError as error:
        yield Finding("config", Severity.FAIL, error.title, error.remedy, error.details)
        yield from decoder_checks.decoders(None)
    else:
        count = counted(len(settings.inboxes), "inbox", "inboxes")
        yield Finding("config", Severity.OK, f"{path}: {count}, {counted(len(settings.rules), 'rule')} at the top")
        yield from folder_checks.inboxes(settings)
        yield from folder_checks.library(settings)
        yield from decoder_checks.decoders(settings.workers)
        yield from model_checks.weights(settings)
        if not quick:
            yield from model_checks.loads(settings)
    if not quick:
        yield trial.sorting()
