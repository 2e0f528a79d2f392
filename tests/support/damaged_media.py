"""Real clips, harmed the way disks, cables and people harm them: the same mutants every time."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

LARGEST_SEED_BYTES = 700_000


def seeds(folders: Iterable[Path]) -> list[Path]:
    """Return the small MP4 and MOV files of some folders, in the order of their names."""
    return [
        path
        for folder in folders
        for path in sorted(folder.glob("*.m*"))
        if path.suffix.lower() in {".mp4", ".mov"} and path.stat().st_size < LARGEST_SEED_BYTES
    ]


def mutant(number: int, originals: Sequence[Path]) -> tuple[bytes, str]:
    """Return the content of a mutant and the extension of the file that it was made from."""
    dice = random.Random(number)  # noqa: S311 - the same mutants every time
    original = dice.choice(originals)
    data = bytearray(original.read_bytes())
    for _ in range(dice.choice((1, 1, 2))):
        if data:
            dice.choice(MUTATIONS)(data, dice)
    return bytes(data), original.suffix.lower()


def flip_bits(data: bytearray, dice: random.Random) -> None:
    for _ in range(dice.choice((1, 8, 64))):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def harm_header(data: bytearray, dice: random.Random) -> None:
    """Overwrite numbers inside moov, where sizes, counts and offsets stand."""
    begin = max(0, data.find(b"moov"))
    for _ in range(dice.choice((1, 4, 16))):
        place = dice.randrange(begin, min(len(data), begin + 20_000))
        value = dice.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\1"))
        data[place : place + 4] = value


def cut(data: bytearray, dice: random.Random) -> None:
    del data[dice.randrange(len(data)) :]


def zero_out(data: bytearray, dice: random.Random) -> None:
    begin = dice.randrange(len(data))
    end = min(len(data), begin + dice.choice((16, 4096, 1 << 20)))
    data[begin:end] = bytes(end - begin)


def splice(data: bytearray, dice: random.Random) -> None:
    begin, length = dice.randrange(len(data)), dice.randrange(1, 5000)
    data[begin:begin] = data[dice.randrange(len(data)) :][:length]


# Flipped bits come most often: they reach the decoder, the others mostly end at the container.
MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    flip_bits,
    flip_bits,
    flip_bits,
    flip_bits,
    harm_header,
    cut,
    zero_out,
    splice,
)
