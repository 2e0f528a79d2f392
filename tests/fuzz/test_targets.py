"""The fuzz targets without a fuzzer: their seeds and some blind changes of them, in a moment each."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import pytest

from tests.fuzz.__main__ import TARGETS
from tests.fuzz.driver import Findings, Target, blind_changes

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.few(2)
@pytest.mark.parametrize("name", TARGETS)
def test_every_promise_holds_for_the_seeds_and_what_little_is_changed_in_them(name: str, tmp_path: Path) -> None:
    with importlib.import_module(f"tests.fuzz.{name}").opened(tmp_path) as target:
        findings = Findings(tmp_path / "found", name)
        for data in (*target.seeds, *blind_changes(target, 500)):
            findings.attempt(target, data)
    assert [] == [path.read_text() for path in (tmp_path / "found").glob("*.txt")]


def test_what_breaks_a_promise_is_kept_with_its_bytes_and_each_kind_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fragile(data: bytes) -> None:
        if b"x" in data:
            raise ZeroDivisionError
        if b"y" in data:
            raise KeyError(data)

    target, findings = Target("fragile", fragile, (b"abc",)), Findings(tmp_path / "found", "fragile")
    for data in (b"abc", b"a\xffx", b"xx", b"y\xff"):
        findings.attempt(target, data)
    kept = sorted(path for path in (tmp_path / "found").iterdir() if path.suffix != ".txt")
    assert [b"y\xff", b"a\xffx"] == [path.read_bytes() for path in kept]
    assert r"input: b'y\xff'" in kept[0].with_suffix(".txt").read_text()
    assert 2 == capsys.readouterr().out.count("FOUND ")


def test_blind_changes_are_the_same_each_time_and_none_is_too_long() -> None:
    target = Target("any", lambda _: None, (b"abcdef", b"x" * 30), (b"word",), max_bytes=32)
    assert list(blind_changes(target, 50)) == list(blind_changes(target, 50))
    assert all(len(data) <= 32 for data in blind_changes(target, 200))
    assert len({*blind_changes(target, 200)}) > 100
