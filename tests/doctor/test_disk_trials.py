"""doctor tries what the disk of each folder can, and leaves nothing behind."""

from __future__ import annotations

import errno
import os
import re
import sys
from pathlib import Path

import pytest

from tests.support.disks import DISKS, LIKE_ECRYPTFS, LIKE_EXFAT, Disk, doubled
from vsortd.core.system import rename_noreplace
from vsortd.doctor import disk_trials
from vsortd.doctor.disk_trials import disk
from vsortd.doctor.finding import Severity

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the system's own rules hold there")


def test_a_disk_that_can_everything_is_well_and_left_as_it_was(tmp_path: Path) -> None:
    finding = disk("inbox", tmp_path)
    assert (Severity.OK, f"disk of the inbox {tmp_path}") == (finding.level, finding.name)
    assert "renames without replacing; takes every name" in finding.found
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", DISKS)
def test_what_a_lesser_disk_refuses_is_told_by_trying(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "disk"
    with DISKS[kind](folder):
        (folder / "theirs").write_bytes(b"x")
        finding = disk("inbox", folder)
        assert {"theirs"} == {path.name for path in folder.iterdir()}
    assert Severity.OK is finding.level
    assert '`<`, `>`, `:`, `"`, `|`, `?`, `*`' in finding.found
    assert ("a second name" if "NTFS" in kind else "reserves a name") in finding.found
    assert ("a dot at the end" in finding.found) == ("NTFS" in kind)


def test_rules_whose_folders_the_disk_refuses_are_a_warning_with_the_names_they_get(tmp_path: Path) -> None:
    with doubled(tmp_path, LIKE_EXFAT):
        finding = disk("library", tmp_path, ["forest", "Q: what?", "night"])
    assert Severity.WARN is finding.level
    assert ("the folder of the rule Q: what? is made as Q_ what_",) == finding.details
    assert "vsortd edit" in finding.remedy


def test_a_disk_that_takes_only_short_names_is_told(tmp_path: Path) -> None:
    with doubled(tmp_path, LIKE_ECRYPTFS):
        assert "refuses 255 letters" in disk("library", tmp_path).found


def test_characters_beyond_ascii_that_are_refused_are_told(tmp_path: Path) -> None:
    with doubled(tmp_path, Disk(names=re.compile(r"[^\x00-\x7f]"))):
        assert "refuses `ü` and `😀` in a name" in disk("library", tmp_path).found


def test_a_disk_on_which_nothing_can_be_renamed_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    for name in ("rename_noreplace", "rename_to_unique"):
        monkeypatch.setattr(disk_trials, name, refuses)
    finding = disk("library", tmp_path)
    assert Severity.FAIL is finding.level
    assert "can't give a file a new name: Operation not supported" in finding.details
    assert [] == list(tmp_path.iterdir())


def test_a_disk_that_replaces_whatever_it_is_told_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def replaces(source: str, target: str, *_: object) -> rename_noreplace.RenameWay:
        Path(source).replace(target)
        return rename_noreplace.RenameWay.CALL

    monkeypatch.setattr(disk_trials, "rename_noreplace", replaces)
    finding = disk("library", tmp_path)
    assert Severity.FAIL is finding.level
    assert any("replaces a file" in line for line in finding.details)
