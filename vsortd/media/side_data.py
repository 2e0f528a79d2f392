"""What FFmpeg attaches to a decoded frame beside its picture. Worker processes only.

PyAV up to 18.1 raises ValueError for all of a frame's side data when one kind is newer than its list of them
(PyAV #2392): the views of spatial video (MV-HEVC), Exif in the frames of Motion JPEG. Unknown kinds get a name here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from av.sidedata.sidedata import Type

if TYPE_CHECKING:
    import av

_MATRIX_BYTES = 36  # nine 32-bit numbers


def display_matrix(frame: av.VideoFrame) -> bytes:
    """Return a frame's display matrix as FFmpeg keeps it, nine native 32-bit integers, b"" without one."""
    data = frame.side_data.get("DISPLAYMATRIX")
    raw = bytes(cast("bytes", data)) if data is not None else b""
    return raw if len(raw) >= _MATRIX_BYTES else b""


def _unknown_kind(kinds: type[Type], value: object) -> Type:
    kind: Any = object.__new__(kinds)
    kind._name_, kind._value_ = f"UNKNOWN_{value}", value
    return cast("Type", kind)


type.__setattr__(Type, "_missing_", classmethod(_unknown_kind))  # what `Type(29)` asks when it knows no 29
