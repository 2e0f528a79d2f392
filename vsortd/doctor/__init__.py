"""What `vsortd doctor` looks at: each finding says what was found and, where something is amiss, what to type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.core.text import counted
from vsortd.doctor.finding import Finding, Severity
from vsortd.errors import VsortdError, named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

__all__ = ["Finding", "Severity", "examine"]


def examine(config: Path | None, *, quick: bool = False) -> Iterator[Finding]:
    """Look at everything that can be looked at, one after the other; one broken part does not hide the others.

    `quick` leaves out what takes seconds: loading the models, and sorting a clip.
    """
    from vsortd.doctor import (
        decoder_checks,
        extra_checks,
        folder_checks,
        machine_checks,
        model_checks,
        opinion_checks,
        search_checks,
        trial,
    )

    yield from _guarded("versions", machine_checks.versions)
    yield from _guarded("ffmpeg", machine_checks.ffmpeg)
    yield from _guarded("device", machine_checks.device)
    yield from _guarded("clock", lambda: [machine_checks.clock()])
    yield from _guarded("limits", machine_checks.limits)
    yield from _guarded("state folder", folder_checks.state)
    yield from _guarded("searches", search_checks.searches)
    try:
        from vsortd.config.check import check_file
        from vsortd.config.former_versions import COMMAND
        from vsortd.core.paths import find_config

        path = find_config(config)
        report = check_file(path)
        settings = report.settings_or_raise()
    except VsortdError as error:
        yield Finding("config", Severity.FAIL, error.title, error.remedy, error.details)
        yield from _guarded("decoders", lambda: decoder_checks.decoders(None))
    else:
        count = counted(len(settings.inboxes), "inbox", "inboxes")
        said = f"{path}: {count}, {counted(len(settings.rules), 'rule')} at the top"
        if report.former is None:
            yield Finding("config", Severity.OK, said)
        else:
            warning = report.former.warning()
            yield Finding("config", Severity.WARN, f"{said}; {warning.message}", f"Take it over: {COMMAND}")
        yield from _guarded("inboxes", lambda: folder_checks.inboxes(settings))
        yield from _guarded("library", lambda: folder_checks.library(settings))
        yield from _guarded("decoders", lambda: decoder_checks.decoders(settings.workers))
        yield from _guarded("model weights", lambda: model_checks.weights(settings))
        if not quick:
            yield from _guarded("second opinion", lambda: opinion_checks.second_opinion(settings))
            yield from _guarded("model", lambda: model_checks.loads(settings))
        yield from _guarded("detector", lambda: extra_checks.detector(settings, quick=quick))
        yield from _guarded("sound model", lambda: extra_checks.sound_model(settings, quick=quick))
        yield from _guarded("transcript", lambda: extra_checks.transcript(settings, quick=quick))
        yield from _guarded("text in pictures", lambda: extra_checks.picture_text(settings, quick=quick))
    if not quick:
        yield from _guarded("sorting a clip", lambda: [trial.sorting()])


def _guarded(name: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Yield what a check finds; one that fails itself is a finding, too."""
    try:
        yield from check()
    except VsortdError as error:
        yield Finding(name, Severity.FAIL, error.title, error.remedy, error.details)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks are of use
        from loguru import logger

        logger.opt(exception=error).debug("the check {} failed itself", name)
        yield Finding(name, Severity.FAIL, f"this check failed itself ({named(error)})", "Please report it.")
