"""What the config asks for beside the model: whether it is here and runs. Nothing is fetched."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import tempfile
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vsortd.config.choices import is_openvino_file
from vsortd.config.rules import build_rules
from vsortd.core.text import counted
from vsortd.core.text_weights import OCR_REMEDY, text_weights
from vsortd.doctor.demo_clips import FOLDER
from vsortd.doctor.finding import Finding, Severity
from vsortd.errors import ModelError, VideoError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.config.settings import Settings
    from vsortd.vision.detector import DetectorChoice

_DETECTOR: Final = "detector"
_SOUND: Final = "sound model"
_TRANSCRIPT: Final = "transcript"
_TEXT: Final = "text in pictures"
_SLIDES: Final = "slides.mp4"  # the clip of the package that has text in it
_WITHOUT: Final = "Filing goes on without it."
_RATE_HZ: Final = 16_000


def detector(settings: Settings, *, quick: bool) -> Iterator[Finding]:
    """Look for the detector's files, and unless `quick` let it look at a picture. Raises ModelError."""
    if settings.detector is None:
        return
    from vsortd.vision.detectors import choice_of, load_detector

    choice = choice_of(settings.detector)
    missing = _detector_missing(choice)
    if missing is not None:
        yield missing
    elif quick:
        yield Finding(_DETECTOR, Severity.OK, f"{choice} is here")
    else:
        names = load_detector(choice).names  # which tries it
        yield Finding(_DETECTOR, Severity.OK, f"{choice} runs, and knows {counted(len(names), 'class', 'classes')}")


def _detector_missing(choice: DetectorChoice) -> Finding | None:
    """Return what is to be said of a detector that isn't here. Raises ModelError for a file, name or tag."""
    from vsortd.vision.detector_files import existing

    for path in _detector_files(choice):
        existing(path)
    if choice.is_file:
        package = "openvino" if is_openvino_file(choice.model) else "onnxruntime"
        lacks = importlib.util.find_spec(package) is None
        remedy = "pip install 'vsortd[objects]'"
        return Finding(_DETECTOR, Severity.FAIL, f"{package} is not installed", remedy) if lacks else None
    from vsortd.vision.torch_detector import weights_to_fetch

    if (wanted := weights_to_fetch(choice)) is None:
        return None
    url, path = wanted
    what = f"the weights of {choice} are not in {path.parent}: what needs them waits until they are there"
    return Finding(_DETECTOR, Severity.FAIL, what, f"Download {url} and copy it there as {path.name}")


def _detector_files(choice: DetectorChoice) -> Iterator[Path]:
    """Yield the files that the config names for a detector, and what lies beside them."""
    from vsortd.vision.models import looks_like_path

    if choice.labels is not None:
        yield choice.labels
    if choice.is_file:
        yield Path(choice.model)
        if is_openvino_file(choice.model):
            yield Path(choice.model).with_suffix(".bin")
    elif choice.weights is not None and looks_like_path(choice.weights):
        yield Path(choice.weights)


def sound_model(settings: Settings, *, quick: bool) -> Iterator[Finding]:
    """Look for the sound model's files, and unless `quick` let it hear and read something. Raises ModelError."""
    choice = settings.sound_model
    if choice is None:
        return
    from vsortd.hearing.clap_files import find_clap, is_to_be_fetched
    from vsortd.hearing.clap_loading import insist_on_transformers
    from vsortd.vision.models import hub_cache

    if is_to_be_fetched(choice):
        what = f"{choice} is not in {hub_cache()}: where rules listen, nothing is filed before it is there"
        yield Finding(_SOUND, Severity.FAIL, what, f"vsortd model fetch --sound {choice}")
        return
    insist_on_transformers()
    files = find_clap(choice)
    if quick:
        yield Finding(_SOUND, Severity.OK, f"{choice} is in {files.folder}")
        return
    from vsortd.hearing.sound_factory import load_sound_encoder

    encoder = load_sound_encoder(choice)  # which tries it
    device = encoder.info.device
    encoder.close()
    yield Finding(_SOUND, Severity.OK, f"{choice} runs on {device}")


def transcript(settings: Settings, *, quick: bool) -> Iterator[Finding]:
    """Look for the speech model, and unless `quick` let it listen to a second of silence."""
    from vsortd.analysis.transcript import SPEECH_REMEDY, transcriber_of

    transcriber = transcriber_of(settings.transcript)
    if transcriber is None:
        return
    folder = Path(transcriber.model).expanduser()
    if importlib.util.find_spec("faster_whisper") is None:
        yield Finding(_TRANSCRIPT, Severity.WARN, "faster-whisper is not installed", SPEECH_REMEDY, (_WITHOUT,))
    elif folder.is_absolute() and not folder.is_dir():
        what = f"the speech model's folder {folder} is not there"
        remedy = "Correct transcript.model (vsortd edit), or see whether the disk is mounted."
        yield Finding(_TRANSCRIPT, Severity.WARN, what, remedy, (_WITHOUT,))
    elif quick:
        yield Finding(_TRANSCRIPT, Severity.OK, f"faster-whisper {importlib.metadata.version('faster-whisper')}")
    else:
        yield _transcribed(settings)


def _transcribed(settings: Settings) -> Finding:
    from vsortd.analysis.transcript import transcriber_of
    from vsortd.media.pool import MediaPool

    transcriber = transcriber_of(settings.transcript)
    assert transcriber is not None
    with (
        tempfile.TemporaryDirectory(prefix="vsortd-doctor-") as folder,
        MediaPool.of(settings.workers, count=1) as pool,
    ):
        path = Path(folder, "silence.wav")
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, _RATE_HZ, _RATE_HZ, "NONE", "not compressed"))
            file.writeframes(bytes(2 * _RATE_HZ))
        try:
            transcriber.transcribe(pool, path, duration_s=1.0)
        except ModelError as error:
            return Finding(_TRANSCRIPT, Severity.WARN, error.title, error.remedy, (*error.details, _WITHOUT))
        except VideoError as error:
            what = f"a second of silence can't be listened to: {error.reason}"
            return Finding(_TRANSCRIPT, Severity.WARN, what, "See what `decoders` says above.", (_WITHOUT,))
    return Finding(_TRANSCRIPT, Severity.OK, f"the speech model {transcriber.model} runs")


def picture_text(settings: Settings, *, quick: bool) -> Iterator[Finding]:
    """Where rules ask for text in pictures, look for what reads it, and unless `quick` let it read a clip's."""
    if "text" not in build_rules(settings).measured:
        return
    weights = text_weights()
    if isinstance(weights, str):
        what = f"rules ask for it, and it can't be read: {weights}"
        yield Finding(_TEXT, Severity.WARN, what, OCR_REMEDY, ("No video meets such a condition.",))
    elif quick:
        yield Finding(_TEXT, Severity.OK, f"rapidocr {weights.release}")
    else:
        yield _read(settings)


def _read(settings: Settings) -> Finding:
    from vsortd.media.pool import MediaPool

    try:
        with MediaPool.of(settings.workers, count=1) as pool:
            (first, *_) = pool.read_text(FOLDER / _SLIDES, [1.0])
    except VideoError as error:
        what = f"rules ask for it, and it can't be read: {error.reason}"
        return Finding(_TEXT, Severity.WARN, what, OCR_REMEDY, ("No video meets such a condition.",))
    return Finding(_TEXT, Severity.OK, f"it is read: {counted(len(first.lines), 'line')} in a picture of slides")
