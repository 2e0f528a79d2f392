"""Which model the commands ask that look for labels, and at what temperature; a config isn't needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.cli.common import state_folder

if TYPE_CHECKING:
    from vsortd.config.settings import ModelChoice, Settings


def model_choice(settings: Settings | None, model: str | None) -> str | ModelChoice:
    """Return the model that was typed, else the config's, else the one in the package. Raises UsageError."""
    from vsortd.vision.model_words import read_model
    from vsortd.vision.models import SAMPLE

    if model is not None:
        return read_model(model)
    return SAMPLE if settings is None else settings.model


def model_temperature(settings: Settings | None, choice: str | ModelChoice, key: str) -> float:
    """Return what the config says or was learned for the model of this key, else 1. Raises StoreError."""
    from vsortd.judging.calibration import read_calibration, temperature_for

    if settings is not None and choice == settings.model:
        return temperature_for(settings, state_folder(), key)
    learned = read_calibration(state_folder()).get(key)
    return 1.0 if learned is None else learned.temperature
