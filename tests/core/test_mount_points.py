"""Folders that a disk is to be mounted at, and isn't."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vsortd.core.system import mount_points
from vsortd.core.system.mount_points import unmounted, why_not_made

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="mount points")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a system of its own: places of disks, a table, and what is mounted."""
    for name in ("mnt/nas", "media/ann/STICK", "run/media", "srv/films/old", "home/ann"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(mount_points, "_DISKS", (tmp_path / "mnt",))
    monkeypatch.setattr(mount_points, "_USERS", (tmp_path / "media", tmp_path / "run/media"))
    monkeypatch.setattr(mount_points, "_TABLE", tmp_path / "fstab")
    monkeypatch.setattr(mount_points, "_MOUNTED", tmp_path / "mountinfo")
    mounted(tmp_path)
    return tmp_path


def mounted(root: Path, *names: str) -> None:
    lines = [f"22 1 0:20 / {root / name} rw - ext4 /dev/sda1 rw" for name in names]
    (root / "mountinfo").write_text("\n".join(["1 0 0:1 / / rw - ext4 /dev/vda rw", *lines]).replace("a b", r"a\040b"))


@pytest.mark.parametrize("name", ["mnt/nas", "mnt/nas/Sorted", "media/ann/STICK", "media/ann/STICK/Sorted"])
def test_an_empty_folder_where_disks_are_mounted_is_waited_for(root: Path, name: str) -> None:
    point = root / Path(*Path(name).parts[: 3 if name.startswith("media") else 2])
    assert point == unmounted(root / name)
    assert f"nothing is mounted at {point}" == why_not_made(root / name)
    mounted(root, str(point.relative_to(root)))
    assert "" == why_not_made(root / name)


def test_a_folder_on_a_mounted_disk_may_be_empty(root: Path) -> None:
    (root / "mnt/nas/Videos").mkdir()
    mounted(root, "mnt/nas")
    assert "" == why_not_made(root / "mnt/nas/Videos/Sorted")


def test_a_folder_that_somebody_uses_or_made_is_none(root: Path) -> None:
    (root / "mnt/nas/Sorted").mkdir()
    assert "" == why_not_made(root / "mnt/nas/Sorted")
    assert "" == why_not_made(root / "mnt/nas/Other")


def test_nothing_is_made_in_an_empty_place_of_disks(root: Path) -> None:
    (root / "mnt/nas").rmdir()
    assert root / "mnt" == unmounted(root / "mnt/Sorted")
    assert f"there is no folder {root / 'mnt/nas'}" == why_not_made(root / "mnt/nas/Sorted")


def test_a_folder_that_the_systems_table_names_is_waited_for_also_with_something_in_it(root: Path) -> None:
    (root / "srv/a b").mkdir()
    table = f"# {root}/home /x ext4\nUUID=1 {root}/srv/films ext4 noauto 0 0\nnas:/x {root}/srv/a\\040b nfs _netdev\n"
    (root / "fstab").write_text(f"{table}UUID=2 none swap sw 0 0\nbroken\n\nUUID=3 / ext4 defaults 0 1\n")
    assert root / "srv/films" == unmounted(root / "srv/films/old/Sorted")
    assert root / "srv/a b" == unmounted(root / "srv/a b")
    assert "" == why_not_made(root / "home/ann/Sorted")
    mounted(root, "srv/films", "srv/a b")
    assert unmounted(root / "srv/films/old/Sorted") is None
    assert unmounted(root / "srv/a b") is None


def test_a_library_elsewhere_is_made_in_the_folder_above_and_in_no_other(root: Path) -> None:
    assert "" == why_not_made(root / "home/ann/Sorted")
    assert f"there is no folder {root / 'home/ann/Videos'}" == why_not_made(root / "home/ann/Videos/Sorted")


def test_a_link_is_looked_through(root: Path) -> None:
    (root / "home/ann/Videos").symlink_to(root / "mnt/nas")
    assert root / "mnt/nas" == unmounted(root / "home/ann/Videos/Sorted")


def test_without_the_kernels_list_the_system_is_asked(root: Path) -> None:
    (root / "mountinfo").unlink()
    assert root / "mnt/nas" == unmounted(root / "mnt/nas")
