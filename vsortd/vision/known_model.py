"""What a model that was loaded before says of itself, kept beside the vectors of texts: it is known without loading it.

One small file, an entry a choice of the config. An entry holds as long as the files of the model are the same (by
size, time and inode), and so are the program and the GPUs of the machine. It can be made again: whatever is wrong with
it, the model is loaded instead.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vsortd import __version__
from vsortd.core.system.atomic_file import whole_file
from vsortd.vision.encoder import ModelInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.config.settings import ModelChoice

NAME: Final = "models.json"
_MOST_MODELS: Final = 8
_MOST_BYTES: Final = 1 << 20
_DEVICES: Final = Path("/dev")


@dataclass(frozen=True, slots=True)
class KnownModel:
    """What a model is, and under which name the file of texts keeps its vectors."""

    info: ModelInfo
    texts_key: str


def recall_model(folder: Path, choice: str | ModelChoice) -> KnownModel | None:
    """Return what is known of the model that a config chooses, None where it has to be loaded for that."""
    try:
        entry = _entries(folder)[_key(choice)]
        if entry["here"] != _here() or entry["files"] != [_look(Path(path)) for path, *_ in entry["files"]]:
            return None
        return KnownModel(ModelInfo.from_json(entry["info"]), str(entry["texts"]))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def keep_model(folder: Path, choice: str | ModelChoice, known: KnownModel, files: Sequence[Path]) -> None:
    """Keep what a model says that has just been loaded from some files; what can't be written stops nothing."""
    with contextlib.suppress(OSError):
        entry = {
            "here": _here(),
            "files": [_look(path) for path in files],
            "info": known.info.to_json(),
            "texts": known.texts_key,
        }
        try:
            entries = _entries(folder)
        except (OSError, ValueError, TypeError):
            entries = {}
        entry = json.loads(json.dumps(entry))
        if entries.get(_key(choice)) == entry:
            return
        others = {key: kept for key, kept in entries.items() if key != _key(choice)}
        newest = dict(list(others.items())[1 - _MOST_MODELS :])
        with whole_file(folder / NAME, replace=True, lasting=False) as file:
            file.write(json.dumps({**newest, _key(choice): entry}, indent=1).encode("ascii"))


def _entries(folder: Path) -> dict[str, Any]:
    """Read all entries. Raises OSError, ValueError, TypeError for what holds none."""
    with (folder / NAME).open("rb") as file:
        return dict(**json.loads(file.read(_MOST_BYTES)))


def _key(choice: str | ModelChoice) -> str:
    return json.dumps([choice] if isinstance(choice, str) else [choice.name, choice.weights])


def _look(path: Path) -> list[str | int]:
    """Return how a file looks. Raises OSError."""
    status = path.stat()
    return [os.fspath(path), status.st_size, status.st_mtime_ns, status.st_ino]


def _here() -> list[str]:
    """Return what else a model hangs on: the program, and which GPUs there are, by what can be seen without torch."""
    gpus = sorted(path.name for path in _DEVICES.glob("nvidia[0-9]*")) if _DEVICES.is_dir() else []
    return [__version__, os.environ.get("CUDA_VISIBLE_DEVICES", "any"), *gpus]
