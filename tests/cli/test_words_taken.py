"""Which words a command takes: an address where it fetches none, and an id with its sign."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import harness
from tests.support.filed import FiledHome
from vsortd.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("words", ["teach ADDRESS sea", "index ADDRESS", "duplicates ADDRESS"])
def test_an_address_is_refused_as_it_was_typed_where_nothing_is_fetched(words: str, tmp_path: Path) -> None:
    home = harness.Here.make(tmp_path / "home")
    typed = words.replace("ADDRESS", "https://ann:pa55@a.example//b/?v=1")
    said = home.run(*typed.split(), code=ExitCode.USAGE).stderr
    assert "https://a.example//b/?v=1 is an address" in said
    assert "vsortd fetch" in said
    assert "pa55" not in said


def test_an_id_with_its_sign_is_one_for_release_also_where_a_file_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = FiledHome.at(tmp_path / "home")
    item = home.file("a.mp4")
    home.run("undo", "--all")
    monkeypatch.chdir(tmp_path)
    for name in (f"#{item.id}", f"{item.id}"):
        (tmp_path / name).touch()
    home.run("release", f"./{item.id}", code=ExitCode.PARTIAL)  # the file, which is not held
    released = home.json("release", f"#{item.id}")
    assert ([str(item.source)], []) == (released["released"], released["refused"])
