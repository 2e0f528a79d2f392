"""What `vsortd model bench` measured on this machine: small JSON in the state folder, written whole or not at all.

Nothing depends on it but what `vsortd model list` says; a figure that was measured on another machine, in a state
folder that several share, is left out there.
"""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from vsortd.core.system.atomic_file import write_whole
from vsortd.core.system.private_files import private_folder
from vsortd.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class MeasuredSpeed:
    """What a model did on one device of one machine. Sizes in bytes, times in seconds; `date` is UTC.

    `model` is how it is named on the command line, `device_name` the GPU's name, "" for the CPU.
    """

    model: str
    machine: str
    device: str
    device_name: str
    precision: str
    frames_per_s: float
    load_s: float
    memory_bytes: int
    gpu_bytes: int | None
    date: str


def speeds_path(state_folder: Path) -> Path:
    """Return where they are kept."""
    return state_folder / "model-speeds.json"


def this_machine() -> str:
    """Return the name of this machine, "" where it has none."""
    return platform.node()


def read_speeds(state_folder: Path) -> list[MeasuredSpeed]:
    """Return what was measured on this machine, the newest last. Raises StoreError for a file that can't be used."""
    return [one for one in _read(state_folder) if one.machine == this_machine()]


def keep_speed(state_folder: Path, measured: MeasuredSpeed) -> None:
    """Keep a measurement in place of an older one of the same model, machine and device. Raises StoreError."""
    path = speeds_path(state_folder)
    others = [one for one in _read(state_folder) if _what(one) != _what(measured)]
    document = {"schema_version": SCHEMA_VERSION, "measured": [asdict(one) for one in (*others, measured)]}
    try:
        private_folder(state_folder)
        write_whole(path, json.dumps(document, indent=2) + "\n")
    except OSError as error:
        raise StoreError(
            f"What was measured can't be kept in {path}: {error.strerror or error}.",
            remedy="See that the folder can be written to and its disk is not full.",
            paths=[path],
        ) from error


def _what(one: MeasuredSpeed) -> tuple[str, ...]:
    return one.model, one.machine, one.device, one.device_name


def _read(state_folder: Path) -> list[MeasuredSpeed]:
    path = speeds_path(state_folder)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise _unusable(path, str(error)) from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    entries = document.get("measured") if isinstance(document, dict) else None
    if version != SCHEMA_VERSION or not isinstance(entries, list):
        raise _unusable(path, f"its format is {version!r}, this vsortd knows {SCHEMA_VERSION}")
    return [_measured(path, entry) for entry in entries]


_NUMBERS: Final = {"frames_per_s", "load_s", "memory_bytes", "gpu_bytes"}


def _measured(path: Path, entry: Any) -> MeasuredSpeed:  # noqa: ANN401 - whatever stands in the file
    if not isinstance(entry, dict) or entry.keys() != {field.name for field in fields(MeasuredSpeed)}:
        raise _unusable(path, "an entry is not what vsortd writes")
    for name, value in entry.items():
        number = type(value) in {int, float} and value >= 0
        if not (number or (name == "gpu_bytes" and value is None) if name in _NUMBERS else isinstance(value, str)):
            raise _unusable(path, f"{name} makes no sense: {value!r}")
    return MeasuredSpeed(**entry)


def _unusable(path: Path, why: str) -> StoreError:
    return StoreError(
        f"What was measured, in {path}, can't be used: {why}.",
        remedy="Remove the file and measure anew: vsortd model bench",
        paths=[path],
    )
