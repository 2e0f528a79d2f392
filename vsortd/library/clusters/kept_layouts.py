"""What the vectors of a library came to, kept in the state folder: the same question is not worked out twice.

An entry is told by a digest of every vector and of the numbers that it was grouped by, so that it can't be of another
state of the index: a video that was added, changed or looked at again has other vectors. No names are in it.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from loguru import logger

from vsortd.core.system.atomic_file import whole_file
from vsortd.core.system.private_files import private_file, private_folder
from vsortd.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.library.clusters.projection import GroupingPlan

_FOLDER: Final = "layouts"
_ENDING: Final = ".layout"
# Counts up with every change of how videos are laid out or grouped: what was kept before is worked out anew.
_WAY: Final = 4
# The entries that were asked for last stay, within this: 20 bytes a video, so three libraries of a million.
_MOST_ENTRIES: Final = 32
_MOST_BYTES: Final = 64 << 20
_CHECK_BYTES: Final = hashlib.sha256().digest_size
_ROW: Final = np.dtype([("label", "<i4"), ("strength", "<f8"), ("x", "<f4"), ("y", "<f4")])


@dataclass(frozen=True, slots=True, eq=False)
class KeptLayout:
    """Which group each video is in and where it stands.

    `labels` is int64 [n], -1 for none, `strengths` float64 [n], how strongly it belongs there, `map_xy` float32 [n, 2].
    """

    labels: npt.NDArray[np.int64]
    strengths: npt.NDArray[np.float64]
    map_xy: npt.NDArray[np.float32]


def layout_key(vectors: npt.NDArray[np.floating], plan: GroupingPlan, seed: int, most_together: int) -> str:
    """Return what tells the layout of these vectors [n, dim], grouped in this way, from every other."""
    way = [_WAY, *vectors.shape, plan.min_size, plan.neighbors, seed, most_together]
    digest = hashlib.sha256(json.dumps(way).encode())
    digest.update(np.ascontiguousarray(vectors, vectors.dtype.newbyteorder("<")).data)
    return digest.hexdigest()


class KeptLayouts:
    """The entries of a state folder. No method raises: what can't be read or kept is worked out anew.

    An entry is a SHA-256 of its rows, then a row a video.
    """

    def __init__(self, state_folder: Path) -> None:
        self._folder = state_folder / _FOLDER

    def recall(self, key: str, count: int) -> KeptLayout | None:
        """Return what was kept under a key of so many videos, None where that is nothing, or damaged."""
        path = self._path(key)
        try:
            if not os.path.lexists(path):
                return None
            private_folder(self._folder)
            private_file(path)
            with path.open("rb") as file:
                data = file.read(_CHECK_BYTES + count * _ROW.itemsize + 1)
        except (OSError, StoreError) as error:
            logger.warning("the groups kept in {} can't be read ({}); they are found anew", path, error)
            return None
        layout = _layout_of(data, count)
        if layout is None:
            logger.warning("the groups kept in {} are damaged; they are found anew", path)
        with suppress(OSError):
            os.utime(path)
        return layout

    def keep(self, key: str, layout: KeptLayout) -> None:
        """Keep a layout, and let go what is too much."""
        path = self._path(key)
        try:
            private_folder(self._folder)
            with whole_file(path, replace=True, lasting=False) as file:
                file.write(_data_of(layout))
        except (OSError, StoreError) as error:
            logger.warning("the groups can't be kept in {} ({}); the next time they are found anew", path, error)
            return
        with suppress(OSError):  # another process drops them as well
            self._drop_old()

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{_ENDING}"

    def _drop_old(self) -> None:
        left = _MOST_BYTES
        # what somebody who was killed left half is among them, and goes in its turn
        statuses = [(path, path.stat()) for path in self._folder.iterdir()]
        newest = sorted(statuses, key=lambda one: one[1].st_mtime_ns, reverse=True)
        for place, (path, status) in enumerate(newest):
            left -= status.st_size
            if place >= _MOST_ENTRIES or left < 0:
                path.unlink(missing_ok=True)


def _data_of(layout: KeptLayout) -> bytes:
    rows = np.empty(len(layout.labels), _ROW)
    rows["label"], rows["strength"] = layout.labels, layout.strengths
    rows["x"], rows["y"] = layout.map_xy.T
    data = rows.tobytes()
    return hashlib.sha256(data).digest() + data


def _layout_of(data: bytes, count: int) -> KeptLayout | None:
    """Return a layout of its bytes, None where they are not what was written, or of another number of videos."""
    check, body = data[:_CHECK_BYTES], data[_CHECK_BYTES:]
    if len(body) != count * _ROW.itemsize or hashlib.sha256(body).digest() != check:
        return None
    rows = np.frombuffer(body, _ROW)
    map_xy = np.stack([rows["x"], rows["y"]], axis=1).astype(np.float32)
    return KeptLayout(rows["label"].astype(np.int64), rows["strength"].astype(np.float64), map_xy)
