"""The XMP sidecar that is filed with a video: made, or amended, in the staging folder before anything moves."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from vsortd.core.identity import Identity
from vsortd.core.system.os_errors import explained
from vsortd.core.text import storable
from vsortd.errors import ChangedError
from vsortd.filing import fsops
from vsortd.filing.open_folder import Folders, close_reading
from vsortd.filing.placement import MadeSidecar
from vsortd.filing.records import IdentityMatch, likeness
from vsortd.filing.sidecar_paths import ENDING, sidecar_beside
from vsortd.filing.transaction_errors import StuckError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vsortd.filing.placement import FilingRequest
    from vsortd.filing.staging import Staging
    from vsortd.filing.xmp import XmpMarks


def with_sidecar(request: FilingRequest) -> FilingRequest:
    """Return a request that also names the sidecar that would be made for it, if any; nothing is read or written."""
    if _present(request) is not None or not _marks(request):
        return request
    return replace(request, sidecars=(*request.sidecars, sidecar_beside(request.source)))


@contextmanager
def made_sidecar(request: FilingRequest, staging: Staging, *, wanted: bool) -> Iterator[FilingRequest]:
    """Make the sidecar of a video if one is `wanted`, or amend the one that comes with it; gives the request with it.

    What comes with it and is no XMP that can be amended is filed as it is; the reason says so. If the filing fails, the
    sidecar goes, unless that is stuck half way and may need it yet. Raises ChangedError, FilingError.
    """
    if wanted:
        request = _make(request, staging)
    try:
        yield request
    except BaseException as error:
        if request.made_sidecar is not None and not isinstance(error, StuckError):
            staging.discard(request.made_sidecar.path)
        raise


def _make(request: FilingRequest, staging: Staging) -> FilingRequest:
    from vsortd.filing.xmp import ForeignXmpError, amended, new_sidecar  # with lxml, which undo can do without

    marks, present = _marks(request), _present(request)
    if present is None:
        if not marks:
            return request
        request = with_sidecar(request)
        return replace(request, made_sidecar=_stage(new_sidecar(marks), request, request.sidecars[-1], None, staging))
    data, identity = _read(present)
    try:
        made = amended(data, marks)
    except ForeignXmpError as error:
        note = storable(f"{present.name} was filed as it is: {error}")
        return replace(request, reason="; ".join(filter(None, (request.reason, note))))
    if made is None:
        return request
    return replace(request, made_sidecar=_stage(made, request, present, identity, staging))


def _marks(request: FilingRequest) -> XmpMarks:
    from vsortd.filing.xmp import XmpMarks

    return XmpMarks(request.rule, request.tags, request.score)


def _present(request: FilingRequest) -> Path | None:
    """Return the XMP sidecar that comes with a video: `Film.mp4.xmp` before `Film.xmp`."""
    for wanted in (sidecar_beside(request.source).name, request.source.stem + ENDING):
        for one in request.sidecars:
            if one.stem + one.suffix.lower() == wanted:
                return one
    return None


def _read(path: Path) -> tuple[bytes, Identity]:
    """Return a file's bytes, at most one too many to amend it, and its identity. Raises ChangedError, FilingError."""
    from vsortd.filing.xmp import LARGEST_BYTES

    with Folders(None) as folders, explained("Could not read", path):
        try:
            descriptor = folders.get(path.parent).open_file(path.name)
        except FileNotFoundError as error:
            raise ChangedError(f"{path.name} is gone") from error
        try:
            identity = Identity.from_stat(os.fstat(descriptor))
            data = b""
            while len(data) <= LARGEST_BYTES and (chunk := os.read(descriptor, LARGEST_BYTES + 1 - len(data))):
                data += chunk
            if likeness(identity, Identity.from_stat(os.fstat(descriptor))) is not IdentityMatch.SAME:
                raise ChangedError(f"{path.name} changed while it was read")
        finally:
            close_reading(descriptor)
    return data, identity


def _stage(data: bytes, request: FilingRequest, beside: Path, former: Identity | None, staging: Staging) -> MadeSidecar:
    """Write a sidecar into the staging folder, with the rights of what it was made of: a sidecar, else the video."""
    path = staging.path_for(request.source, ENDING)
    try:
        identity = fsops.write_staged(path, data, request.source if former is None else beside)
    except BaseException:
        staging.discard(path)  # a full disk must not fill further
        raise
    return MadeSidecar(path, identity, hashlib.sha256(data).hexdigest(), beside, former)
