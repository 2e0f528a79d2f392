"""What `vsortd eval --calibrate` learned: one temperature a model, kept in the state folder.

A model's scores may be too sure or not sure enough of themselves; divided by the right temperature, 0.8 is right 8
times of 10. The file is small JSON, written whole or not at all, and holds what nothing but the same labelled videos
could tell again; one that can't be read stops the program, since judging by other scores than were asked for would go
unnoticed.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from vsortd.core.system.atomic_file import write_whole
from vsortd.core.system.private_files import private_folder
from vsortd.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.config.settings import Settings

SCHEMA_VERSION: Final = 1
# What the config takes, too: beyond it scores say nothing any more.
LOWEST, HIGHEST = 0.05, 20.0


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A temperature and what it was learned from: `n` videos, on `date` (UTC), with the calibration error it changes.

    `ece_after` is measured on videos that the temperature was not learned from.
    """

    temperature: float
    n: int
    date: str
    ece_before: float
    ece_after: float


def calibration_path(state_folder: Path) -> Path:
    """Return where the temperatures are kept."""
    return state_folder / "calibration.json"


def temperature_for(settings: Settings, state_folder: Path, model_key: str) -> float:
    """Return the temperature to judge with: the config's number, else what was learned for the model, else 1.0.

    `model_key` is `encoder.info.key`. Raises StoreError when the file is there and can't be used.
    """
    if not isinstance(settings.temperature, str):
        return settings.temperature
    learned = read_calibration(state_folder).get(model_key)
    return 1.0 if learned is None else learned.temperature


def read_calibration(state_folder: Path) -> dict[str, Calibrated]:
    """Return what was learned, by the models' keys; {} where nothing was. Raises StoreError."""
    path = calibration_path(state_folder)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, str(error)) from error
    try:
        document = json.loads(text)
    except ValueError as error:
        raise _unusable(path, f"it is no JSON ({error})") from error
    if not isinstance(document, dict) or not isinstance(document.get("models"), dict):
        raise _unusable(path, "it is not what vsortd writes")
    version = document.get("schema_version")
    if type(version) is not int or version != SCHEMA_VERSION:
        raise _unusable(path, f"its format is {version!r}, this vsortd knows {SCHEMA_VERSION}")
    return {key: _calibrated(path, key, entry) for key, entry in document["models"].items()}


def keep_calibration(state_folder: Path, model_key: str, learned: Calibrated) -> Path:
    """Keep what was learned for a model beside what is known of others; return the file. Raises StoreError."""
    path = calibration_path(state_folder)
    models = {key: asdict(one) for key, one in read_calibration(state_folder).items()}
    models[model_key] = asdict(learned)
    text = json.dumps({"schema_version": SCHEMA_VERSION, "models": models}, indent=2) + "\n"
    try:
        private_folder(state_folder)
        write_whole(path, text)
    except OSError as error:
        raise StoreError(
            f"The temperature can't be kept in {path}: {error.strerror or error}.",
            remedy="See that the folder can be written to and its disk is not full.",
            paths=[path],
        ) from error
    return path


def _calibrated(path: Path, key: str, entry: object) -> Calibrated:
    if not isinstance(entry, dict) or set(entry) != set(Calibrated.__slots__):
        raise _unusable(path, f"what it says of the model {key!r} is not what vsortd writes")
    numbers = [entry[name] for name in ("temperature", "ece_before", "ece_after")]
    fits = all(_is_number(number) for number in numbers) and type(entry["n"]) is int and isinstance(entry["date"], str)
    if not fits or not LOWEST <= entry["temperature"] <= HIGHEST:
        raise _unusable(path, f"what it says of the model {key!r} makes no sense")
    return Calibrated(**entry)


def _is_number(value: Any) -> bool:  # noqa: ANN401 - whatever stands in the file
    return type(value) in {int, float} and math.isfinite(value)


def _unusable(path: Path, why: str) -> StoreError:
    return StoreError(
        f"The learned temperatures in {path} can't be used: {why}.",
        remedy="Move the file away and learn anew with `vsortd eval FOLDER --calibrate`, or set `temperature: 1.0`.",
        paths=[path],
    )
