"""Text in the pictures of a video: PaddlePaddle's PP-OCR networks as the package rapidocr brings and runs them.

Worker processes only. The networks lie in the package; nothing is fetched, and where they are missing that is an error.
"""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np

from vsortd.core.text_weights import text_weights
from vsortd.errors import LimitError
from vsortd.media.stills import stills_of_file
from vsortd.media.text_reply import LONGEST_TEXT, MAX_TEXT_LINES, PictureText, TextBox, TextLine

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

TEXT_SIDE_PX: Final = 1280
"""The longer side of the pictures that are read."""


def read_text_of_file(path: str, times_s: Sequence[float], *, deadline: float) -> list[PictureText]:
    """Return what is to be read at ascending moments (s) of a file that came with the request, at least at the first.

    Those that are not reached before `deadline` (time.monotonic()) are left out. Raises what `stills_of_file` raises.
    """
    reader = _reader()
    stills = stills_of_file(path, times_s, TEXT_SIDE_PX, deadline=deadline)
    found: list[PictureText] = []
    for at_s, pixels in zip(stills.times_s.tolist(), stills.pixels, strict=True):
        if found and time.monotonic() > deadline:
            break
        found.append(PictureText(at_s, _read(reader, pixels)))
    return found


def _read(reader: Any, pixels: Pixels) -> tuple[TextLine, ...]:  # noqa: ANN401 - the package has no types
    """Return the lines of one picture, uint8 [height, width, 3] RGB."""
    found = reader(np.ascontiguousarray(pixels[:, :, ::-1]), use_cls=False)
    boxes, texts, scores = (getattr(found, name, None) for name in ("boxes", "txts", "scores"))
    if boxes is None or texts is None or scores is None:
        return ()
    height, width = pixels.shape[:2]
    lines = [
        TextLine(text, min(1.0, max(0.0, float(score))), _box(np.asarray(corners, np.float64), width, height))
        for corners, raw, score in zip(boxes, texts, scores, strict=True)
        if (text := " ".join(str(raw).split())[:LONGEST_TEXT])
    ]
    lines.sort(key=lambda line: -line.confidence)
    return tuple(sorted(lines[:MAX_TEXT_LINES], key=lambda line: (line.box.top, line.box.left)))


def _box(corners: npt.NDArray[np.float64], width: int, height: int) -> TextBox:
    """Return the upright box around four corners [4, 2], px."""
    shares = np.clip(corners / (width, height), 0.0, 1.0)
    (left, top), (right, bottom) = shares.min(axis=0).tolist(), shares.max(axis=0).tolist()
    return TextBox(left, top, right - left, bottom - top)


@functools.cache
def _reader() -> Any:  # noqa: ANN401 - the package has no types
    """Return the networks, ready to read, on one thread. Raises LimitError where the package can't be used."""
    weights = text_weights()
    if isinstance(weights, str):
        raise LimitError(f"text can't be read: {weights}")
    try:
        from rapidocr import RapidOCR
        from rapidocr.utils.download_file import DownloadFile
    except ImportError as error:
        raise LimitError(f"text can't be read: the package rapidocr lacks something ({error})") from error
    downloads: Any = DownloadFile
    downloads.run = _fetch_nothing  # what another release may want besides
    one_thread = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    own = {"Det.model_path": str(weights.detector), "Rec.model_path": str(weights.recogniser)}
    return RapidOCR(params={**one_thread, **own, "Global.log_level": "error", "Global.use_cls": False})


def _fetch_nothing(*_: object) -> NoReturn:
    raise LimitError("text can't be read: this release of rapidocr lacks networks; vsortd fetches nothing")
