"""Measuring a video as `vsortd analyze` does without options, with the daemon's model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from vsortd.analysis.built_in_categories import built_in_picture_labels
from vsortd.analysis.part_names import AnalysisPart
from vsortd.analysis.video_analysis import AnalysisWish, analyze_video, kept_analysis
from vsortd.judging.calibration import temperature_for
from vsortd.library.labelling import VideoLabeller

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from vsortd.analysis.video_analysis import VideoAnalysis
    from vsortd.core.identity import Identity
    from vsortd.pipeline.services import Services
    from vsortd.vision.encoder import Encoder

_PARTS = (AnalysisPart.FACTS, AnalysisPart.SHOTS, AnalysisPart.SOUND, AnalysisPart.LABELS)


class _LentEncoder:
    """An encoder that is somebody else's to close."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the encoder has
        return getattr(self._encoder, name)

    def close(self) -> None:
        """Do nothing."""


def analyze_now(services: Services, path: Path, *, cancel: threading.Event) -> VideoAnalysis:
    """Measure what isn't in the index yet, and keep it there; raises like `analyze_video`."""
    return analyze_video(services.media, services.index, path, _wish(services, cancel), cancel=cancel)


def analyzed_before(services: Services, path: Path, identity: Identity, *, cancel: threading.Event) -> VideoAnalysis:
    """Return what is kept of a video; nothing is read or measured. Raises StoreError."""
    return kept_analysis(services.index, path, identity, _wish(services, cancel))


def _wish(services: Services, cancel: threading.Event) -> AnalysisWish:
    settings = services.settings

    def load() -> Encoder:
        return cast("Encoder", _LentEncoder(services.model.get(cancel).encoder))

    def temperature_of(key: str) -> float:
        return temperature_for(settings, services.state_folder, key)

    labeller = VideoLabeller(
        services, built_in_picture_labels(), settings.model, load, temperature_of, ears=services.sound
    )
    return AnalysisWish(_PARTS, labeller=labeller, ears=services.sound)
