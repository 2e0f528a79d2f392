"""A journal that the disk changed, through the real commands: the same history as before, or an error; never another.

`VSORTD_FLIPS=1000` flips as many bits, one a time; see `.ci/task long`.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support.damaged_journal import DamagedHome, flip, flips

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FLIPS = int(os.environ.get("VSORTD_FLIPS", "60"))
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="modes, mounts and signals"),
    pytest.mark.timeout(120 + FLIPS * 2),
]


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> DamagedHome:
    return DamagedHome.make(tmp_path_factory.mktemp("damage"))


def _tell(tally: Counter[str], wrong: list[str], record: Callable[[str, object], None]) -> None:
    record("answers", dict(tally))
    print(dict(tally))  # noqa: T201 - the count of a long run
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong)


@pytest.mark.long
def test_no_bit_that_flips_tells_another_history(
    one: DamagedHome, record_property: Callable[[str, object], None]
) -> None:
    tally, wrong = Counter[str](), []
    for name, bit in flips(one, FLIPS, seed=20261129):
        found = one.judge(lambda state, name=name, bit=bit: flip(state / f"journal.sqlite3{name}", bit))
        for words, answer in found.items():
            tally[f"journal.sqlite3{name}: {answer.partition(':')[0]}"] += 1
            if answer not in {"same", "refused"}:
                wrong.append(f"bit {bit} of {name or 'the file'}: {' '.join(words)}: {answer}")
    _tell(tally, wrong, record_property)


def _torn(state: Path, begin: int, size: int, put: bytes) -> None:
    with (state / "journal.sqlite3").open("r+b") as file:
        file.seek(begin)
        file.write(put[:size])


@pytest.mark.long
def test_no_torn_page_tells_another_history(one: DamagedHome, record_property: Callable[[str, object], None]) -> None:
    """Each page and half of the sectors, of zeros and of what was there before."""
    size = (one.sound / "journal.sqlite3").stat().st_size
    tally, wrong = Counter[str](), []
    for unit, step in ((4096, 4096), (512, 512 * 9)):
        for begin in range(0, size, step):
            for what, put in (("zeros", bytes(unit)), ("of before", one.old[begin : begin + unit])):
                found = one.judge(lambda state, begin=begin, unit=unit, put=put: _torn(state, begin, unit, put))
                for words, answer in found.items():
                    tally[f"{unit} bytes, {what}: {answer.partition(':')[0]}"] += 1
                    if answer not in {"same", "refused"}:
                        wrong.append(f"{unit} bytes at {begin}, {what}: {' '.join(words)}: {answer}")
    _tell(tally, wrong, record_property)


def test_no_journal_that_is_cut_or_of_which_a_file_is_gone_tells_another_history(
    one: DamagedHome, record_property: Callable[[str, object], None]
) -> None:
    tally, wrong = Counter[str](), []
    for name in ("", "-wal", "-shm", "-last"):
        size = (one.sound / f"journal.sqlite3{name}").stat().st_size
        damages: dict[str, Callable[[Path], object]] = {"removed": lambda path: path.unlink()}
        for part in (0, 1, size // 3, size // 2 // 4096 * 4096, size - 1):
            damages[f"cut to {part}"] = lambda path, part=part: os.truncate(path, part)
        for what, damage in damages.items():
            found = one.judge(lambda state, name=name, damage=damage: damage(state / f"journal.sqlite3{name}"))
            for words, answer in found.items():
                tally[f"journal.sqlite3{name} {what.split()[0]}: {answer.partition(':')[0]}"] += 1
                if answer not in {"same", "refused"}:
                    wrong.append(f"journal.sqlite3{name} {what}: {' '.join(words)}: {answer}")
    _tell(tally, wrong, record_property)
