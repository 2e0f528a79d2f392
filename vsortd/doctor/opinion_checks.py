"""The second opinion: whether the server that the config names answers, has the model, and where pictures go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vsortd.config.diagnostics import nearest_of
from vsortd.core.server_address import is_this_machine
from vsortd.doctor.finding import Finding, Severity
from vsortd.opinion.bounded_http import NoAnswerError
from vsortd.opinion.vision_server import VisionServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.config.settings import Settings

_NAME: Final = "second opinion"
_LIMIT_S: Final = 5.0
_SHOWN: Final = 6


def second_opinion(settings: Settings) -> Iterator[Finding]:
    """Ask the server for its models; nothing where the config names none. No picture is sent."""
    options = settings.unsure
    if options.server is None:
        return
    server = VisionServer(options, limit_s=_LIMIT_S)
    place, model = server.server.place, options.model or ""
    try:
        goes = _goes(server)
        models = server.models()
    except NoAnswerError as error:
        remedy = f"See to {place}, or to `unsure` in the config: vsortd edit. Filing goes on without it."
        yield Finding(_NAME, Severity.WARN, f"none from {place}: {error.reason}", remedy)
        return
    if model in models or f"{model}:latest" in models:
        yield Finding(_NAME, Severity.OK, f"{place} has {model}", details=(goes,))
        return
    near = nearest_of(model, models)
    has = f"did you mean {near}?" if near else f"it has {', '.join(models[:_SHOWN]) or 'none'}"
    remedy = "Correct unsure.model (vsortd edit), or load the model there."
    yield Finding(_NAME, Severity.WARN, f"{place} has no model {model}: {has}", remedy, (goes,))


def _goes(server: VisionServer) -> str:
    """Say where frames of the videos go. Raises NoAnswerError."""
    away = [address for address in server.addresses() if not is_this_machine(address)]
    if not away:
        return "frames of undecided videos are shown to it; they stay on this machine"
    how = "encrypted" if server.server.encrypted else "for anybody on the way to read"
    return f"frames of undecided videos leave this machine: they go to {server.server.place} ({away[0]}), {how}"
