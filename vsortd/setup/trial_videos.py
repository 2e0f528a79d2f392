"""What a draft of a config is tried on: a handful of the inbox's own videos, and whether a model is fetched first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vsortd.pipeline.gathering import gather
from vsortd.vision.models import AUTO_CPU, AUTO_CUDA, RECOMMENDED, cached_weights

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vsortd.config.settings import Settings

HANDFUL: Final = 5


def videos_of_inbox(settings: Settings) -> list[Path]:
    """Return every video that lies in the first inbox."""
    folder = settings.inboxes[0].path
    return [path for path, _, _ in gather(settings, [folder])] if folder.is_dir() else []


def spread(videos: Sequence[Path], count: int) -> list[Path]:
    """Return at most `count` of the videos, from all over: neighbours mostly show the same."""
    if len(videos) <= count:
        return list(videos)
    return [videos[number * len(videos) // count] for number in range(count)]


def downloads_model(settings: Settings) -> bool:
    """Tell whether looking at a video downloads a model first."""
    repositories = [model.repository for model in RECOMMENDED if (model.name, model.tag) in {AUTO_CPU, AUTO_CUDA}]
    return settings.model == "auto" and not any(cached_weights(one) for one in repositories)
