"""A journal and an index with any number of rows, for what has to go through all of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from vsortd.core.paths import index_path, journal_path
from vsortd.filing.journal import Journal
from vsortd.index.index_file import checksum_of
from vsortd.index.store import Index

if TYPE_CHECKING:
    from pathlib import Path


def fill_journal(state: Path, count: int) -> None:
    """Write so many refusals into the journal of a state folder."""
    columns = "batch, time, state, outcome, source, rule, score, margin, converted, reason, detail, device, inode"
    rows = (
        (
            *("b", "2026-11-20T18:30:00.250Z", "failed", "filed", os.fsencode(f"/in/video {number}.mp4"), "sea", 0.5),
            *(0.25, "", f"it has no picture {number}", "{}", 1, number, 100, number, f"m{number}"),
        )
        for number in range(count)
    )
    journal = Journal.open(journal_path(state))
    try:
        with journal.db.write(lasting=False) as db:
            db.executemany(
                f"INSERT INTO item ({columns}, size_bytes, mtime_ns, mark) VALUES ({', '.join('?' * 16)})",  # noqa: S608 - constants
                rows,
            )
    finally:
        journal.close()


def fill_library(state: Path, library: Path, count: int) -> None:
    """Write so many filed videos into journal and index of a state folder, in sixty folders of a library.

    They are none on the disk. Every third is an upright film, every tenth waits for review, every hundredth has a tag;
    they were recorded an hour after one another, the last one in 2026.
    """
    numbers = range(1, count + 1)
    journal = Journal.open(journal_path(state))
    columns = "batch, time, state, outcome, source, destination, rule, score, margin, converted, reason, detail, device"
    try:
        with journal.db.write(lasting=False) as db:
            db.executemany(
                f"INSERT INTO item ({columns}, inode, size_bytes, mtime_ns, library, mark)"  # noqa: S608 - constants
                f" VALUES ({', '.join('?' * 18)})",
                (_filed(library, number) for number in numbers),
            )
    finally:
        journal.close()
    index = Index(index_path(state))
    try:
        with index._writing():
            index._db.executemany(
                "INSERT INTO video VALUES (?, 1, ?, 100, ?, ?, ?, ?, ?, ?, 0)",
                (
                    (
                        n,
                        n,
                        n,
                        os.fsencode(_made_path(library, n)),
                        n % 600 + 0.5,
                        *_size(n),
                        _LAST_S - 3600 * (count - n),
                    )
                    for n in numbers
                ),
            )
    finally:
        index.close()


_LAST_S = 1_782_900_000  # in July 2026


def _made_path(library: Path, number: int) -> Path:
    return library / f"rule {number % 6}" / f"{2016 + number % 10}" / f"video {number:06}.mp4"


def _size(number: int) -> tuple[int, int]:
    return (1080, 1920) if number % 3 == 0 else (1920, 1080)


def _filed(library: Path, number: int) -> tuple[object, ...]:
    state = "review" if number % 10 == 0 else "filed"
    detail = '{"tags": ["beach"]}' if number % 100 == 0 else "{}"
    path = os.fsencode(_made_path(library, number))
    return (
        *(
            "b",
            f"2026-07-01T{number % 24:02}:30:00.250Z",
            state,
            state,
            os.fsencode(f"/in/video {number:06}.mp4"),
            path,
        ),
        *(f"rule {number % 6}", 0.5, 0.25, "", f"it shows {number}", detail, 1, number, 100, number),
        *(os.fsencode(library), f"m{number}"),
    )


def fill_index(state: Path, count: int, *, frames: int = 2, dim: int = 8) -> None:
    """Write so many videos into the index of a state folder, each with some frames of one model."""
    times = (np.arange(frames) * 500).astype("<i8").tobytes()
    vectors = np.eye(frames, dim).astype("<f2").tobytes()
    looks = f'[["pass", {frames}]]'
    checksum = checksum_of(looks, dim, "<f2", times, vectors)
    index = Index(index_path(state))
    try:
        with index._writing():
            db = index._db
            db.execute("INSERT INTO model (key) VALUES ('many')")
            db.executemany(
                "INSERT INTO video VALUES (?, 1, ?, 100, ?, ?, 12.5, 1920, 1080, 1763663400.25, 0)",
                ((n, n, n, os.fsencode(f"/library/video {n:07}.mp4")) for n in range(1, count + 1)),
            )
            db.executemany(
                "INSERT INTO frames VALUES (?, (SELECT id FROM model), ?, ?, '<f2', ?, ?, ?, ?)",
                ((n, n, dim, looks, times, vectors, checksum) for n in range(1, count + 1)),
            )
    finally:
        index.close()
