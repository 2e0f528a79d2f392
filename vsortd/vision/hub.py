"""Weights from the Hugging Face hub: the cache first and without network, downloads with a bound on waiting.

The hub's own library tries a dead network for 47 s before it says so (measured, 12 attempts over two file
names); here one question with a time limit comes first.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from loguru import logger

from vsortd.vision.models import ModelUnavailableError, cached_weights, hub_cache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vsortd.errors import ModelError

# One question to the hub; and all questions together, names that resolve slowly included.
ANSWER_TIMEOUT_S: Final = 5.0
LOCATE_TIMEOUT_S: Final = 10.0

T = TypeVar("T")


def obtain_weights(model: str, tag: str, repository: str, names: tuple[str, ...], *, progress: bool = False) -> Path:
    """Return the local weights file of a hub repository, downloading it when it is not cached.

    `names` are the file names to try, the preferred first; `progress` shows the download on stderr. Raises
    ModelUnavailableError, within about ten seconds, where there is no network or no such file.
    """
    cached = cached_weights(repository, names)
    if cached is not None:
        return cached
    if _told_to_stay_offline():
        raise _unavailable(model, tag, repository, "HF_HUB_OFFLINE forbids the download")
    name = _within(LOCATE_TIMEOUT_S, lambda: _locate(model, tag, repository, names))
    if name is None:
        raise _unavailable(model, tag, repository, f"the hub gave no answer within {LOCATE_TIMEOUT_S:.0f} s")
    logger.info("downloading {} / {} ({} of {})", model, tag, name, repository)
    return _download(model, tag, repository, name, progress=progress)


def _locate(model: str, tag: str, repository: str, names: tuple[str, ...]) -> str:
    """Return the first of `names` that the repository holds."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError, GatedRepoError

    for name in names:
        try:
            get_hf_file_metadata(hf_hub_url(repository, name), timeout=ANSWER_TIMEOUT_S)
        except EntryNotFoundError:
            continue
        except GatedRepoError as error:
            raise ModelUnavailableError(
                f"The weights of {model} / {tag} are only given out after signing in ({repository}).",
                remedy="Accept the licence on the hub's page of that repository, then set HF_TOKEN.",
            ) from error
        except Exception as error:  # the transport's errors differ between versions of the hub's library
            raise _unavailable(model, tag, repository, _first_line(error)) from error
        return name
    raise _unavailable(model, tag, repository, f"the repository holds none of {', '.join(names)}")


def _download(model: str, tag: str, repository: str, name: str, *, progress: bool) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        with _progress_bars(shown=progress and sys.stderr.isatty()):
            path = hf_hub_download(repository, name, cache_dir=hub_cache(), etag_timeout=ANSWER_TIMEOUT_S)
    except Exception as error:  # network, disk and hub errors of several libraries; nothing was loaded
        raise _unavailable(model, tag, repository, _first_line(error)) from error
    return Path(path)


@contextmanager
def _progress_bars(*, shown: bool) -> Iterator[None]:
    """Show or hide the hub's bars meanwhile; a daemon's log is no place for them."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    if shown or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def _within(timeout_s: float, work: Callable[[], T]) -> T | None:
    """Return what `work` returns, or None after `timeout_s`: a hanging resolver can only be left alone."""
    results: list[T] = []
    errors: list[BaseException] = []

    def attempt() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - handed to the caller below
            errors.append(error)

    thread = threading.Thread(target=attempt, name="hub-question", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if errors:
        raise errors[0]
    return results[0] if results else None


def _told_to_stay_offline() -> bool:
    values = (os.environ.get("HF_HUB_OFFLINE", ""), os.environ.get("TRANSFORMERS_OFFLINE", ""))
    return any(value.strip().upper() in {"1", "ON", "YES", "TRUE"} for value in values)


def _unavailable(model: str, tag: str, repository: str, why: str) -> ModelError:
    cache = hub_cache()
    folder = cache / f"models--{repository.replace('/', '--')}"
    return ModelUnavailableError(
        f"The weights of {model} / {tag} are not in {cache} and can't be downloaded: {why.rstrip('.')}.",
        remedy=(
            f"On a machine with network run `vsortd model fetch {model} {tag}` and copy {folder} to the same "
            f"place here; or name a file: `model: {{name: {model}, weights: /path/to/weights.safetensors}}`; "
            "or try vsortd out with `model: sample`."
        ),
        paths=[cache],
    )


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0][:300] if text else type(error).__name__
