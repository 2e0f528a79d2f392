"""YOLO in a file of its own: heads without anchors (versions 5 and 8 onwards), and YOLOv4-tiny with its own.

What comes out of a network says which head it is, by its shape and the number of classes c:

- [1, 4 + c, n], as of version 8: centre, width and height in px of the input, then a score for each class.
- [1, n, 5 + c], as of version 5 and 7: the same four, how sure it is that there is anything, then each class.
- two maps [1, 3 (5 + c), h, w] or [1, h, w, 3 (5 + c)], as YOLOv4-tiny's: raw numbers at three anchors of each cell
  (Bochkovskiy et al. 2020, arXiv:2004.10934).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

from vsortd.vision.detector import FoundObject, found_objects, strongest
from vsortd.vision.detector_network import unfit

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from vsortd.vision.detector import Boxes, Pixels
    from vsortd.vision.detector_network import DetectorNetwork

    Floats = npt.NDArray[np.float64]
    Raw = tuple[Boxes, Floats]  # boxes [n, 4] in px of the input, and each class's score [n, c]

_GREY: Final = 114  # around a picture, as YOLO is trained
_MOST_SEEN: Final = 1000  # boxes that are told apart, the surest first
_CORNERS: Final = 4  # numbers of a box
# YOLOv4-tiny: width and height of its anchors in px, and how far a centre may leave its cell.
_COARSE: Final = ((81, 82), (135, 169), (344, 319))  # of the map whose cells are 32 px
_FINE: Final = ((23, 27), (37, 58), (81, 82))  # ... 16 px
_SPREAD: Final = 1.05


class YoloDetector:
    """A detector in a file, whatever runs its network; thread-safe, one picture at a time.

    `names` are its classes, in the order of its outputs. Raises ModelError where it is no detector of a known form.
    """

    def __init__(self, network: DetectorNetwork, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._network = network
        self._size_px = network.input.height_px, network.input.width_px
        self.side_px = max(self._size_px)
        digest = network.content_hash.copy()
        digest.update("\n".join(self.names).encode())
        self.key = f"{network.path.name}/{digest.hexdigest()}"
        self._lock = threading.Lock()
        self.detect(np.zeros((64, 64, 3), np.uint8))  # so that one that can't run is found before the first video

    def detect(self, picture: Pixels) -> tuple[FoundObject, ...]:
        """Find things, see `ObjectDetector`."""
        height, width = picture.shape[:2]
        square, scale, left, top = letterboxed(picture, *self._size_px)
        with self._lock:
            outputs = self._network.run(self._network.input.batch(square))
        boxes, scores = self._read(outputs)
        surest = scores.max(axis=1)
        sound = np.isfinite(boxes).all(axis=1) & np.isfinite(surest)
        boxes, surest, places = boxes[sound], surest[sound], scores[sound].argmax(axis=1)
        first = np.argsort(-surest, kind="stable")[:_MOST_SEEN]
        boxes, surest, places = boxes[first], surest[first], places[first]
        kept = strongest(boxes, surest, places)
        shares = (boxes[kept] - [left, top, left, top]) / scale / [width, height, width, height]
        return found_objects(self.names, shares, surest[kept], places[kept])

    def _read(self, outputs: Sequence[npt.NDArray[Any]]) -> Raw:
        """Return boxes in px of the input and the score of each class, by whichever head it is."""
        count = len(self.names)
        shapes = [tuple(one.shape) for one in outputs]
        if len(outputs) == 1 and len(shapes[0]) == 3 and shapes[0][0] == 1:  # noqa: PLR2004
            rows = outputs[0][0].astype(np.float64)
            if shapes[0][1] == _CORNERS + count:
                return _corners(rows[:_CORNERS].T), rows[_CORNERS:].T
            if shapes[0][2] == _CORNERS + 1 + count:
                return _corners(rows[:, :_CORNERS]), rows[:, _CORNERS + 1 :] * rows[:, [_CORNERS]]
        maps = [cells for one in outputs if (cells := _cells(one, count)) is not None]
        if len(maps) == len(outputs) == 2:  # noqa: PLR2004 - the tiny one's
            coarse, fine = sorted(maps, key=lambda cells: cells.shape[0])
            parts = [_at_anchors(coarse, _COARSE, self._size_px), _at_anchors(fine, _FINE, self._size_px)]
            return np.concatenate([boxes for boxes, _ in parts]), np.concatenate([scores for _, scores in parts])
        wide = _CORNERS + count
        raise unfit(
            self._network.path,
            f"with {count} names its output would be [1, {wide}, n], [1, n, {wide + 1}] or two maps of {3 * (wide + 1)}"
            f" numbers a cell, and it is {', '.join(str(list(shape)) for shape in shapes)}",
        )


def letterboxed(picture: Pixels, height_px: int, width_px: int) -> tuple[Pixels, float, int, int]:
    """Fit a picture uint8 [h, w, 3] into another size as it is, grey around it.

    Returns it with what its px were multiplied by, and how far from the left and the top it lies.
    """
    height, width = picture.shape[:2]
    scale = min(height_px / height, width_px / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    square = Image.new("RGB", (width_px, height_px), (_GREY, _GREY, _GREY))
    left, top = (width_px - size[0]) // 2, (height_px - size[1]) // 2
    square.paste(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR), (left, top))
    return np.asarray(square), scale, left, top


def _corners(rows: Boxes) -> Boxes:
    """Turn centre, width and height [n, 4] into left, top, right and bottom."""
    centre, half = rows[:, :2], rows[:, 2:4] / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def _cells(output: npt.NDArray[Any], count: int) -> Floats | None:
    """Return a map as [h, w, 3, 5 + c], None for what is none."""
    wide = 3 * (_CORNERS + 1 + count)
    if output.ndim != 4 or output.shape[0] != 1:  # noqa: PLR2004
        return None
    cells = output[0].astype(np.float64)
    if cells.shape[0] == wide:
        cells = cells.transpose(1, 2, 0)
    return cells.reshape(*cells.shape[:2], 3, -1) if cells.shape[2] == wide else None


def _at_anchors(cells: Floats, anchors: Sequence[tuple[int, int]], size_px: tuple[int, int]) -> Raw:
    """Read a map [h, w, 3, 5 + c] of raw numbers."""
    rows, columns = cells.shape[:2]
    cell_px = np.array([size_px[1] / columns, size_px[0] / rows])
    places = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1)[:, :, None, :]
    centre = (_sigmoid(cells[..., :2]) * _SPREAD - (_SPREAD - 1) / 2 + places) * cell_px
    with np.errstate(over="ignore"):
        half = np.exp(cells[..., 2:4]) * np.array(anchors, np.float64) / 2
    boxes = np.concatenate([centre - half, centre + half], axis=-1).reshape(-1, 4)
    scores = _sigmoid(cells[..., 4:5]) * _sigmoid(cells[..., 5:])
    return boxes, scores.reshape(len(boxes), -1)


def _sigmoid(values: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-values)))
