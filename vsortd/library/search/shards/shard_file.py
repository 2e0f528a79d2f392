"""Files of arrays that are read where they lie: a header of JSON, then each array, with checksums.

What a shard of a search holds lies in one such file. It is a cache: what is not whole is as good as not there.
"""

from __future__ import annotations

import json
import math
import mmap
import struct
import sys
import zlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vsortd.core.system.atomic_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

Arrays = dict[str, npt.NDArray[np.generic]]
_FIRST: Final = b"vsortd shard 2\0\0"
_HEADER: Final = struct.Struct("<QI")  # how long the header is, and its checksum
_ALIGNED: Final = 64
_HEADER_MOST: Final = 1 << 20
_CHUNK: Final = 1 << 22


class NotWholeError(Exception):
    """A file is no such file, of another version, or damaged."""


def write_arrays(path: Path, about: Mapping[str, str | int], arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
    """Write arrays, and what they are about, in the place of a file. Raises OSError; the file is as it was then."""
    made = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    header = json.dumps(
        {
            "about": dict(about),
            "arrays": {
                name: {"dtype": array.dtype.str, "shape": array.shape, "crc": zlib.crc32(_bytes(array))}
                for name, array in made.items()
            },
        }
    ).encode()
    with whole_file(path, replace=True) as file:
        file.write(_FIRST + _HEADER.pack(len(header), zlib.crc32(header)) + header)
        for array in made.values():
            file.write(bytes(-file.tell() % _ALIGNED))
            file.write(_bytes(array))


def map_arrays(path: Path, *, large: Iterable[str]) -> tuple[dict[str, Any], Arrays]:
    """Return what a file is about, and its arrays; the `large` ones are mapped and not looked through.

    Raises NotWholeError, OSError.
    """
    about, described, end = _header(path)
    mapped = set(large)
    arrays: Arrays = {}
    with path.open("rb") as file:  # mapped once: each time takes a descriptor for as long as an array is held
        try:
            view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:  # it is empty by now
            raise NotWholeError(path) from error
    for name, (dtype, shape, crc) in described.items():
        begin = end + -end % _ALIGNED
        end = begin + dtype.itemsize * math.prod(shape)
        if end > len(view):
            raise NotWholeError(path)
        array = np.ndarray(tuple(shape), dtype, view, begin)
        if name not in mapped:
            array = array.copy()
            if zlib.crc32(_bytes(array)) != crc:
                raise NotWholeError(path)
        arrays[name] = array
    return about, arrays


def release(array: npt.NDArray[np.generic]) -> None:
    """Give back the memory in which a file of a mapped array was read; asked again, it comes out of the system's cache.

    Where the system takes nothing back (Windows), or the array isn't mapped, it stays as it is.
    """
    if sys.platform != "win32" and isinstance(array.base, mmap.mmap):
        array.base.madvise(mmap.MADV_DONTNEED)


def is_whole(path: Path) -> bool:
    """Tell whether a file is as it was written, byte by byte; it is read through. Raises OSError."""
    try:
        _, described, end = _header(path)
        with path.open("rb") as file:
            for dtype, shape, crc in described.values():
                end += -end % _ALIGNED
                left, found = dtype.itemsize * math.prod(shape), 0
                file.seek(end)
                end += left
                while left and (chunk := file.read(min(left, _CHUNK))):
                    found, left = zlib.crc32(chunk, found), left - len(chunk)
                if left or found != crc:
                    return False
    except NotWholeError:
        return False
    return True


def _bytes(array: npt.NDArray[np.generic]) -> memoryview | bytes:
    return array.data.cast("B") if array.size else b""


def _header(path: Path) -> tuple[dict[str, Any], dict[str, tuple[np.dtype[Any], list[int], int]], int]:
    with path.open("rb") as file:
        begin = file.read(len(_FIRST) + _HEADER.size)
        if len(begin) != len(_FIRST) + _HEADER.size or not begin.startswith(_FIRST):
            raise NotWholeError(path)
        length, crc = _HEADER.unpack(begin[len(_FIRST) :])
        header = file.read(length) if length <= _HEADER_MOST else b""
    if len(header) != length or zlib.crc32(header) != crc:
        raise NotWholeError(path)
    try:
        document = json.loads(header)
        about: dict[str, Any] = dict(document["about"])
        arrays: dict[str, tuple[np.dtype[Any], list[int], int]] = {
            name: (np.dtype(one["dtype"]), [int(length) for length in one["shape"]], int(one["crc"]))
            for name, one in document["arrays"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # whole, but of another program
        raise NotWholeError(path) from error
    return about, arrays, len(begin) + length
