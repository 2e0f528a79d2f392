"""The timeline that the page shows of a video: the rules' own prompts, one each, and what somebody adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vsortd.config.own_words import own_prompts
from vsortd.core.names import nfc
from vsortd.library.indexing.embed import step_ms_of
from vsortd.library.indexing.sampling import is_walked
from vsortd.library.timeline.spans import Reading
from vsortd.library.timeline.track import Wish, track_video

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from vsortd.core.identity import Identity
    from vsortd.library.timeline.track import TimelineResult
    from vsortd.pipeline.services import Services

MOST_PROMPTS: Final = 40
_FPS: Final = 1.0


def timeline_by_rules(
    services: Services, path: Path, added: Sequence[str], *, cancel: threading.Event
) -> TimelineResult:
    """Say when a video shows what is added (first), and what the rules ask for; raises like `track_video`."""
    encoder = services.model.get(cancel).encoder
    own = own_prompts(services.tree, encoder.unknown_words)
    prompts = tuple(dict.fromkeys([*map(nfc, added), *own]))[:MOST_PROMPTS]
    return track_video(services, Wish(path, prompts, (), _FPS, None, Reading()), cancel=cancel)


def is_looked_through(services: Services, identity: Identity) -> bool:
    """Tell whether the frames of a video's timeline are kept, so that it is there at once."""
    model = services.corrections.present_model()
    return bool(model) and is_walked(services.index.looks(identity, model), step_ms_of(_FPS))
