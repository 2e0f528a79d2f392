"""The daemon's answer to `vsortd rules preview`: by the model that it has loaded, or left to the command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.config.check import check_document
from vsortd.config.dump import fingerprint
from vsortd.config.yaml_lines import read_text
from vsortd.errors import Cancelled, ChangedError
from vsortd.pipeline.rules_preview import look_again, preview

if TYPE_CHECKING:
    import threading

    from vsortd.config.settings import Settings
    from vsortd.core.documents import PreviewAnswerDocument
    from vsortd.pipeline.batch import Progress
    from vsortd.pipeline.filed_memory import FiledMemory
    from vsortd.pipeline.services import Services
    from vsortd.service.request_models import PreviewRulesRequest


def answer(
    services: Services,
    asked: PreviewRulesRequest,
    *,
    memory: FiledMemory,
    on_progress: Progress,
    cancel: threading.Event,
) -> PreviewAnswerDocument | None:
    """Return what the rules of a config would change of all that is filed; None for what the command does better.

    That is a config that reads otherwise here than there, or names another model, and what a reload or the daemon's
    end breaks off. Nor is a video looked at again with a detector: a daemon waits for one without end. Raises
    ModelError, StoreError.
    """
    settings = _settings(asked)
    if settings is None or not _serves(services, settings, look=bool(asked.look)):
        return None
    try:
        with services.tried(settings, cancel=cancel) as tried:
            found = preview(tried, cancel=cancel, on_progress=on_progress, memory=memory)
            if asked.look:
                found = look_again(tried, found, cancel=cancel, on_progress=on_progress)
    except (Cancelled, ChangedError):
        return None
    if cancel.is_set():
        return None
    return {"items": [one.to_json() for one in found.items], "elsewhere": found.elsewhere}


def _settings(asked: PreviewRulesRequest) -> Settings | None:
    """Return the settings that are asked about, None where they are not those that the command read."""
    if asked.path is None or asked.text is None:
        return None
    settings = check_document(Path(asked.path), read_text(asked.text)).settings
    return settings if settings is not None and fingerprint(settings) == asked.config else None


def _serves(services: Services, settings: Settings, *, look: bool) -> bool:
    own = services.settings
    if (settings.model, settings.sound_model) != (own.model, own.sound_model):
        return False
    return not look or settings.detector is None
