"""What is said in a video, written down by a Whisper model (faster-whisper, extra `speech`) that the config names.

Nothing is fetched: the model lies in a folder, or in the Hugging Face cache of this machine.
"""

from __future__ import annotations

import functools
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vsortd.core.word_match import TimedText
from vsortd.errors import BrokenError, Cancelled, ModelError
from vsortd.media.measures import SoundMeasures

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from vsortd.config.running_options import Transcript
    from vsortd.media.pool import MediaPool

SPEECH_REMEDY: Final = "pip install 'vsortd[speech]'"
_VERSION: Final = "1"
_DURATIONS: Final = 4  # decoding may take so many times what the file lasts, beyond what any request may
# What faster-whisper reads of a model; without the second it would fetch one.
_FILES: Final = ("model.bin", "tokenizer.json")
_ONE_AT_A_TIME: Final = threading.Lock()  # a model takes all cores that it gets


class _Recording:
    """Keeps a whole sound: a Whisper model wants it in one piece."""

    def __init__(self) -> None:
        self.parts: list[npt.NDArray[np.int16]] = []

    def begin(self) -> None:
        self.parts.clear()

    def hear(self, pcm: npt.NDArray[np.int16]) -> None:
        self.parts.append(pcm)

    def samples(self) -> npt.NDArray[np.float32]:
        """Return all of it, once: float32 [n], full scale is 1. The parts are gone then."""
        whole = np.concatenate(self.parts)
        self.parts.clear()
        return whole.astype(np.float32) / np.float32(2**15)


@dataclass(frozen=True, slots=True)
class WhisperTranscriber:
    """Writes down what is said; `model` is a name such as "small", or a folder, `language` a code, "" to find out."""

    model: str
    language: str = ""

    @property
    def version(self) -> str:
        """Return which model writes, and in which language."""
        return f"whisper {_VERSION} {self.model} {self.language or 'any'}"

    def transcribe(
        self, media: MediaPool, path: Path, *, duration_s: float, cancel: threading.Event | None = None
    ) -> tuple[TimedText, ...]:
        """Return what is said in a file's default sound, of the first four hours.

        Raises VideoError where that can't be decoded, ModelError where the model can't be loaded or fails, Cancelled.
        """
        timeout_s = media.timeout_s + _DURATIONS * duration_s
        heard = _Recording()
        sound = media.measure(path, pictures=False, speech=heard, timeout_s=timeout_s, cancel=cancel).sound
        if not isinstance(sound, SoundMeasures):
            raise BrokenError(sound or "there is no sound")
        if not heard.parts:
            return ()
        with _ONE_AT_A_TIME:
            return self._written(heard, sound.start_s, cancel)

    def _written(self, heard: _Recording, start_s: float, cancel: threading.Event | None) -> tuple[TimedText, ...]:
        found = []
        for segment in self._segments(heard.samples()):
            if cancel is not None and cancel.is_set():
                raise Cancelled
            text = " ".join(segment.text.split())
            begin_s = max(0.0, segment.start + start_s)
            if text:
                found.append(TimedText(begin_s, max(begin_s, segment.end + start_s), text))
        return tuple(found)

    def _segments(self, samples: npt.NDArray[np.float32]) -> Iterator[Any]:
        """Yield what the model writes, one sentence or so after the other."""
        model = _loaded(self.model)
        try:
            # what was said before leads Whisper to repeat itself; where nobody speaks it makes things up
            segments, _ = model.transcribe(
                samples, language=self.language or None, vad_filter=True, condition_on_previous_text=False
            )
            yield from segments
        except Exception as error:  # whatever the networks' library meets
            raise ModelError(f"The speech model {self.model} failed: {error}") from error


def transcriber_of(options: Transcript) -> WhisperTranscriber | None:
    """Return who writes down what is said, None where the config wants nobody to."""
    return None if options.model is None else WhisperTranscriber(options.model, options.language or "")


@functools.lru_cache(maxsize=1)
def _loaded(name: str) -> Any:  # noqa: ANN401 - the package has no types that hold
    """Return a model. Raises ModelError with the remedy."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # it finds speech by onnxruntime, which reports to its maker
    try:
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise ModelError("Speech can't be written down: faster-whisper is not installed.", remedy=SPEECH_REMEDY) from (
            error
        )
    folder = _folder_of(name)
    lacking = [file for file in _FILES if not (folder / file).is_file()]
    if lacking:
        raise ModelError(
            f"{folder} is no speech model: there is no {' and no '.join(lacking)}.",
            remedy="Name a folder with a Whisper model for faster-whisper (CTranslate2's form).",
            paths=[folder],
        )
    try:
        return WhisperModel(str(folder), device="auto", compute_type="auto", local_files_only=True)
    except Exception as error:  # a damaged model, or one of another form
        raise ModelError(f"The speech model {folder} can't be loaded: {error}", paths=[folder]) from error


def _folder_of(name: str) -> Path:
    """Return where a model lies: the folder that is named, or the one in the cache. Raises ModelError."""
    path = Path(name).expanduser()
    if path.is_absolute():
        return path
    from faster_whisper.utils import download_model

    try:
        return Path(download_model(name, local_files_only=True))
    except Exception as error:  # the hub's errors differ between versions of its library
        raise ModelError(
            f"The speech model {name} is not on this machine, and vsortd fetches none.",
            remedy=f"Fetch it once (`hf download Systran/faster-whisper-{name}`), or name a folder that holds one.",
        ) from error
