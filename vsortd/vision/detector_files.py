"""Detectors' files: the names of classes, and torchvision's weights, from its cache or its server. No torch here."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Final

from loguru import logger

from vsortd.core.paths import as_on_disk
from vsortd.errors import ModelError
from vsortd.vision.hub import ANSWER_TIMEOUT_S, LOCATE_TIMEOUT_S, told_to_stay_offline, within
from vsortd.vision.models import ModelUnavailableError

if TYPE_CHECKING:
    from pathlib import Path

_MOST_NAMES: Final = 10_000
_MOST_NAMES_BYTES: Final = 1 << 20
_MOST_CHARS: Final = 200  # of a class's name
_CHUNK_BYTES: Final = 1 << 20
_MOST_WEIGHTS_BYTES: Final = 2 << 30


def read_names(path: Path) -> tuple[str, ...]:
    """Read the names of a detector's classes, one a line, in the order of its outputs. Raises ModelError."""
    path = as_on_disk(path.expanduser())
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_NAMES_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        lines = raw.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ModelError(f"{path} is no text in UTF-8.", remedy="Save it as UTF-8.", paths=[path]) from error
    names = [" ".join(line.split()) for line in lines]
    while names and not names[-1]:
        names.pop()
    remedy = "Write a name on each line, in the order of the model's classes."
    if not names or len(raw) > _MOST_NAMES_BYTES or len(names) > _MOST_NAMES:
        what = "names no class" if not names else f"is no list of at most {_MOST_NAMES:,} names"
        raise ModelError(f"{path} {what}.", remedy=remedy, paths=[path])
    for number, name in enumerate(names, 1):
        if not name or len(name) > _MOST_CHARS or not name.isprintable():
            what = "is empty" if not name else "can be no name"
            raise ModelError(f"{path}: line {number} {what}.", remedy=remedy, paths=[path])
    return tuple(names)


def existing(path: Path) -> Path:
    """Return a file that must be there. Raises ModelUnavailableError."""
    path = as_on_disk(path.expanduser())
    if not path.is_file():
        raise ModelUnavailableError(
            f"The detector's file {path} is not there.",
            remedy="Check the path, or whether the disk is mounted.",
            paths=[path],
        )
    return path


def weights_path(url: str, checkpoints: Path) -> Path:
    """Return where torchvision's weights at an address lie once they are here."""
    return checkpoints / url.rpartition("/")[2]


def obtain_detector_weights(name: str, url: str, checkpoints: Path) -> Path:
    """Return the file of torchvision's weights at an address, downloading it into its cache when it isn't there.

    Raises ModelUnavailableError, within about ten seconds where there is no network.
    """
    path = weights_path(url, checkpoints)
    if path.is_file():
        return path
    if told_to_stay_offline():
        raise _unavailable(name, url, path, "HF_HUB_OFFLINE forbids the download")
    logger.info("downloading the detector {} ({})", name, url)
    # a name that resolves slowly can't be called off, so this is asked on a thread; what comes then has its own time
    answers = within(LOCATE_TIMEOUT_S, lambda: _answers(url))
    if answers is not True:
        raise _unavailable(name, url, path, answers or f"the server gave no answer within {LOCATE_TIMEOUT_S:.0f} s")
    try:
        _download(url, path)
    except (OSError, ValueError) as error:
        raise _unavailable(name, url, path, str(error)) from error
    return path


def _answers(url: str) -> bool | str:
    """Return True where a server has this, else why not."""
    try:
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - torchvision's own address, https
        with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_S):  # noqa: S310
            return True
    except OSError as error:  # URLError is one
        reason = getattr(error, "reason", None) or error
        return str(reason) or type(error).__name__


def _download(url: str, path: Path) -> None:
    """Write a file whole or not at all; its name ends in the first digits of its SHA-256, as torch's do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    digest, size_bytes = hashlib.sha256(), 0
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_TIMEOUT_S) as answer, partial.open("wb") as file:  # noqa: S310
            while chunk := answer.read(_CHUNK_BYTES):
                size_bytes += len(chunk)
                if size_bytes > _MOST_WEIGHTS_BYTES:
                    raise ValueError("the server sends more than any such file holds")
                digest.update(chunk)
                file.write(chunk)
        wanted = path.stem.rpartition("-")[2]
        if not digest.hexdigest().startswith(wanted):
            raise ValueError("what came is not what its name says: another SHA-256")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _unavailable(name: str, url: str, path: Path, why: str) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"The weights of the detector {name} are not in {path.parent} and can't be downloaded: {why.rstrip('.')}.",
        remedy=(
            f"On a machine with network download {url} and copy it to {path} here; or name a file: "
            f"{name}=/path/to/weights.pth; or use an ONNX or OpenVINO file of your own. Without any detector "
            "`contains: {prompts: …, look: crops}` finds small things."
        ),
        paths=[path],
    )


def _unreadable(path: Path, error: OSError) -> ModelError:
    title = f"The names of classes {path} can't be read: {error.strerror}."
    return ModelError(title, remedy="Check the path.", paths=[path])
