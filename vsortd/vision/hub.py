"""Weights from the Hugging Face hub: the cache first and without network, downloads with a bound on waiting.

The hub's own library tries a dead network for 47 s before it says so (measured, 12 attempts over two file
names); here one question with a time limit comes first.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from loguru import logger

from vsortd.vision.models import ModelUnavailableError, cached_weights, hub_cache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# One question to the hub; and all questions together, names that resolve slowly included.
ANSWER_TIMEOUT_S: Final = 5.0
LOCATE_TIMEOUT_S: Final = 10.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HubWish:
    """What is wanted of a hub repository ("org/name"): `title` names it in messages, `remedy` says what else helps."""

    title: str
    repository: str
    remedy: str

    def unavailable(self, why: str) -> ModelUnavailableError:
        """Return the error for what can't be had, and why."""
        cache = hub_cache()
        return ModelUnavailableError(
            f"{self.title} are not in {cache} and can't be downloaded: {why.rstrip('.')}.",
            remedy=self.remedy,
            paths=[cache],
        )


def folder_of(repository: str) -> Path:
    """Return where the cache keeps a repository."""
    return hub_cache() / f"models--{repository.replace('/', '--')}"


def obtain_weights(model: str, tag: str, repository: str, names: tuple[str, ...], *, progress: bool = False) -> Path:
    """Return the local weights file of a hub repository, downloading it when it is not cached.

    `names` are the file names to try, the preferred first; `progress` shows the download on stderr. Raises
    ModelUnavailableError, within about ten seconds, where there is no network or no such file.
    """
    remedy = (
        f"On a machine with network run `vsortd model fetch {model} {tag}` and copy {folder_of(repository)} to the "
        f"same place here; or name a file: `model: {{name: {model}, weights: /path/to/weights.safetensors}}`; "
        "or try vsortd out with `model: sample`."
    )
    return obtain(HubWish(f"The weights of {model} / {tag}", repository, remedy), names, progress=progress)


def obtain(wish: HubWish, names: tuple[str, ...], *, progress: bool = False) -> Path:
    """Return the first of some files of a hub repository as it lies here; as `obtain_weights`."""
    cached = cached_weights(wish.repository, names)
    if cached is not None:
        return cached
    if told_to_stay_offline():
        raise wish.unavailable("HF_HUB_OFFLINE forbids the download")
    name = within(LOCATE_TIMEOUT_S, lambda: _locate(wish, names))
    if name is None:
        raise wish.unavailable(f"the hub gave no answer within {LOCATE_TIMEOUT_S:.0f} s")
    logger.info("downloading {} of {}", name, wish.repository)
    return _download(wish, name, progress=progress)


def _locate(wish: HubWish, names: tuple[str, ...]) -> str:
    """Return the first of `names` that the repository holds."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError, GatedRepoError

    for name in names:
        try:
            get_hf_file_metadata(hf_hub_url(wish.repository, name), timeout=ANSWER_TIMEOUT_S)
        except EntryNotFoundError:
            continue
        except GatedRepoError as error:
            raise ModelUnavailableError(
                f"{wish.title} are only given out after signing in ({wish.repository}).",
                remedy="Accept the licence on the hub's page of that repository, then set HF_TOKEN.",
            ) from error
        except Exception as error:  # the transport's errors differ between versions of the hub's library
            raise wish.unavailable(first_line(error)) from error
        return name
    raise wish.unavailable(f"the repository holds none of {', '.join(names)}")


def _download(wish: HubWish, name: str, *, progress: bool) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        with _progress_bars(shown=progress and sys.stderr.isatty()):
            path = hf_hub_download(wish.repository, name, cache_dir=hub_cache(), etag_timeout=ANSWER_TIMEOUT_S)
    except Exception as error:  # network, disk and hub errors of several libraries; nothing was loaded
        raise wish.unavailable(first_line(error)) from error
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


def within(timeout_s: float, work: Callable[[], T]) -> T | None:
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


def told_to_stay_offline() -> bool:
    """Tell whether the environment forbids downloads."""
    values = (os.environ.get("HF_HUB_OFFLINE", ""), os.environ.get("TRANSFORMERS_OFFLINE", ""))
    return any(value.strip().upper() in {"1", "ON", "YES", "TRUE"} for value in values)


def first_line(error: BaseException) -> str:
    """Return what an error of somebody else's library says first."""
    text = str(error).strip().splitlines()
    return text[0][:300] if text else type(error).__name__
