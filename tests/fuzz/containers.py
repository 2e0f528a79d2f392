"""Files of every container that claim anything: each judge of completeness ends soon, with a verdict and its reason."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from tests.fuzz.driver import Target
from tests.support.containers import KINDS, numbered, write_video
from vsortd.core.containers import CONTAINERS
from vsortd.watch.completeness import scan_container
from vsortd.watch.container_scan import ScanState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MOST_BYTES = 32_768


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Target]:
    """Yield the target, with a file in `folder` for what reads descriptors."""
    descriptor = os.open(folder / "file", os.O_RDWR | os.O_CREAT, 0o600)
    heads = [magic for container in CONTAINERS for magic in container.magic]
    words = [*heads, *b"RIFF LIST AVI  AVIX hdrl avih strl indx movi idx1 onMetaData".split(b" ")]
    words += [bytes.fromhex(one) for one in ("18538067", "1f43b675", "1654ae6b", "01ffffffffffffff", "000001b9", "47")]
    words += [bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c"), b"\xff" * 8, bytes(16)]
    try:
        yield Target("containers", lambda data: attempt(data, descriptor), _seeds(folder), tuple(words), _MOST_BYTES)
    finally:
        os.close(descriptor)


def _seeds(folder: Path) -> tuple[bytes, ...]:
    small = [numbered(number, 32, 32) for number in range(2)]
    made = (write_video(folder / f"seed.{kind}", small).read_bytes() for kind in KINDS)
    return tuple(data[:_MOST_BYTES] for data in made)


def attempt(data: bytes, descriptor: int) -> None:
    """Judge a file of these bytes as each container that its name may promise, whole and with an end that it lost."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, data, 0)
    for size_bytes in (len(data), len(data) + 100):
        for promised in (None, *CONTAINERS):
            found = scan_container(descriptor, size_bytes, promised)
            if (found.state is ScanState.COMPLETE) == bool(found.reason):
                raise AssertionError("a verdict without its reason, or with one that it can't have")
            if found.doubt and found.state is not ScanState.COMPLETE:
                raise AssertionError("a doubt of what is refused anyway")
