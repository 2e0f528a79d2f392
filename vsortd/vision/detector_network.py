"""Networks of detectors, whatever runs them: what they are fed, and which files they come from. No runtime here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from vsortd.errors import ModelError

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from vsortd.vision.detector import Pixels

INSTALL: Final = "Install it: pip install 'vsortd[objects]'."
_USUAL_PX: Final = 640  # side of an input whose size the file leaves open
_SIDES_PX: Final = range(32, 4097)
_COLOURS: Final = 3
_MOST_BYTES: Final = 2 << 30


@dataclass(frozen=True, slots=True)
class NetworkInput:
    """What a network wants: one picture of a size, its numbers float32 or float16 from 0 to 1, or uint8.

    With `scales_itself` floats are from 0 to 255. `takes_bgr`: blue comes first.
    """

    element: type[np.float32 | np.float16 | np.uint8]
    channels_last: bool
    height_px: int
    width_px: int
    scales_itself: bool = False
    takes_bgr: bool = False

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Its shape, of a batch of one."""
        size = (self.height_px, self.width_px)
        return (1, *size, _COLOURS) if self.channels_last else (1, _COLOURS, *size)

    def batch(self, picture: Pixels) -> npt.NDArray[Any]:
        """Return a picture uint8 [h, w, 3] RGB of its size as a batch of one."""
        ordered = picture[..., ::-1] if self.takes_bgr else picture
        if self.element is not np.uint8:
            most = 1 if self.scales_itself else 255
            values: npt.NDArray[Any] = (ordered.astype(np.float32) / most).astype(self.element)
        else:
            values = ordered
        return np.ascontiguousarray(values if self.channels_last else values.transpose(2, 0, 1))[None]


class DetectorNetwork(Protocol):
    """The network of a detector in a file, on the CPU; one picture at a time, by one thread at a time."""

    @property
    def path(self) -> Path:
        """The file that names it."""

    @property
    def content_hash(self) -> hashlib.blake2b:
        """A hash of everything that its files hold, of 8 bytes."""

    @property
    def input(self) -> NetworkInput:
        """What it wants."""

    def run(self, batch: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """Return its outputs, numbers all of them, for a batch of `NetworkInput`. Raises ModelError."""


def network_input(path: Path, shape: Sequence[object], element: type[Any] | None, written: str) -> NetworkInput:
    """Return what a network wants by the shape of its only input, where what is no number is open.

    `element` is the numpy type of its numbers, None for one that has none; `written` is what the file calls it.
    Raises ModelError where that is no picture.
    """
    sizes = [size if isinstance(size, int) and size > 0 else None for size in shape]
    wrong = unfit(path, f"its input is {written} [{', '.join(str(size) for size in shape)}]")
    if len(sizes) != 4 or element not in {np.float32, np.float16, np.uint8}:  # noqa: PLR2004 - batch, colours, h, w
        raise wrong
    last = sizes[3] == _COLOURS and sizes[1] != _COLOURS
    height, width = (side or _USUAL_PX for side in (sizes[1:3] if last else sizes[2:4]))
    picture = NetworkInput(element, last, height, width)
    if height not in _SIDES_PX or width not in _SIDES_PX:
        raise wrong
    if any(size not in {None, wanted} for size, wanted in zip(sizes, picture.shape, strict=True)):
        raise wrong
    return picture


def unfit(path: Path, why: str) -> ModelError:
    """Return the error for a file that holds no detector of a known form."""
    return ModelError(
        f"{path} is no detector that vsortd can read: {why}.",
        remedy="It reads YOLO exported to ONNX or OpenVINO without NMS inside; check that names and model belong "
        "together.",
        paths=[path],
    )


def read_content(path: Path, most_bytes: int = _MOST_BYTES) -> bytes:
    """Read a file whole, so that what is looked at is what is loaded, and nothing beside it is. Raises ModelError."""
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes + 1) if path.stat().st_size <= most_bytes else None
    except OSError as error:
        title = f"The detector's file {path} can't be read: {error.strerror}."
        raise ModelError(title, remedy="Check its rights.", paths=[path]) from error
    if content is None or len(content) > most_bytes:
        raise ModelError(f"{path} is larger than any such detector.", remedy="Name another file.", paths=[path])
    return content
