"""Whether the model that a config names exists; apart from the other checks, since only torch's world knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.config.diagnostics import Mistake
from vsortd.errors import ModelError
from vsortd.vision.models import looks_like_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.config.check import CheckReport


def model_mistakes(report: CheckReport) -> Iterator[Mistake]:
    """Yield the mistake of a model or a pretrained tag that open_clip does not offer; takes seconds to import it.

    Files are not looked for: they may come later, and the daemon waits for them.
    """
    choice = None if report.settings is None else report.settings.model
    if choice is None or isinstance(choice, str) or looks_like_path(choice.name) or looks_like_path(choice.weights):
        return
    from vsortd.vision.sources import check_tag

    try:
        check_tag(choice.name, choice.weights)
    except ModelError as error:
        yield Mistake(report.line_of(("model", "weights")), "model.weights", choice.weights, error.title, error.remedy)
