"""Whether what a config names exists: the model, the detector, its classes; apart, since only torch's world knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.config.diagnostics import Mistake, dotted
from vsortd.errors import ModelError
from vsortd.vision.detector import unknown_class
from vsortd.vision.models import ModelUnavailableError, looks_like_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.config.check import CheckReport
    from vsortd.config.diagnostics import Location
    from vsortd.config.settings import RuleSettings, Settings, Tag


def model_mistakes(report: CheckReport) -> Iterator[Mistake]:
    """Yield the mistakes of a model, or a detector, that there is not; takes seconds to import what knows them.

    Files are not looked for: they may come later, and the daemon waits for them.
    """
    yield from _encoder_mistakes(report)
    if report.settings is not None and report.settings.detector is not None:
        yield from _detector_mistakes(report, report.settings)


def _encoder_mistakes(report: CheckReport) -> Iterator[Mistake]:
    choice = None if report.settings is None else report.settings.model
    if choice is None or isinstance(choice, str) or looks_like_path(choice.name) or looks_like_path(choice.weights):
        return
    from vsortd.vision.sources import check_tag

    try:
        check_tag(choice.name, choice.weights)
    except ModelError as error:
        yield Mistake(report.line_of(("model", "weights")), "model.weights", choice.weights, error.title, error.remedy)


def _detector_mistakes(report: CheckReport, settings: Settings) -> Iterator[Mistake]:
    """Yield the mistake of a detector, and those of classes that it doesn't know, as far as its names can be read."""
    from vsortd.vision.detectors import choice_of, detector_classes

    assert settings.detector is not None
    try:
        names = detector_classes(choice_of(settings.detector))
    except ModelUnavailableError:
        return
    except ModelError as error:
        key = "labels" if error.paths else "model"  # a file that can be no list of names
        value = str(getattr(settings.detector, key))
        yield Mistake(report.line_of(("detector", key)), f"detector.{key}", value, error.title, error.remedy)
        return
    for location, wanted in _objects(settings):
        if (unknown := unknown_class(names, wanted)) is not None:
            hint, known = unknown
            message = f"the detector knows no such class.{hint}"
            yield Mistake(report.line_of(location), dotted(location), wanted, message, f"one of {known}")


def _objects(settings: Settings) -> Iterator[tuple[Location, str]]:
    """Yield each class that rules and tags look for, with where it stands."""
    waiting: list[tuple[RuleSettings | Tag, Location]] = [(one, ("tags", at)) for at, one in enumerate(settings.tags)]
    waiting += [(one, ("rules", at)) for at, one in enumerate(settings.rules)]
    while waiting:
        one, location = waiting.pop()
        if one.contains is not None:
            yield from (((*location, "contains", "objects"), name) for name in one.contains.objects)
        if one.when is not None:
            yield from (((*location, "when", "has_objects"), name) for name in one.when.has_objects)
        below: tuple[RuleSettings, ...] = getattr(one, "rules", ())
        waiting += [(rule, (*location, "rules", at)) for at, rule in enumerate(below)]
