"""The scan finds what there is, and survives what happens meanwhile."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vsortd.core.identity import Identity
from vsortd.core.system.network_fs import network_type
from vsortd.watch.candidates import NameRules
from vsortd.watch.scan import ScanPlan, scan, spell_within

if TYPE_CHECKING:
    from collections.abc import Callable

RULES = NameRules(("mp4",), ("ignored*",))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "inbox"
    for name in ("a.mp4", "B.MP4", "sub/c.mp4", "sub/deep/er/d.mp4", "@eaDir/x.mp4", ".hid/x.mp4", "ignored1/x.mp4",
                 "sub/ignored.mp4", "note.txt", "x.mp4.part"):  # fmt: skip
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (root / "folder.mp4").mkdir()
    (root / "folder.mp4" / "inside.mp4").write_bytes(b"x")
    (root / "link.mp4").symlink_to(root / "a.mp4")
    (root / "linked").symlink_to(root / "sub")
    os.mkfifo(root / "pipe.mp4")
    return root


def found(root: Path, plan: ScanPlan, **options: str) -> set[str]:
    return {str(path.relative_to(root)) for path, _ in scan(plan, **options).files}  # type: ignore[arg-type]


def test_a_scan_finds_every_candidate_with_its_identity(tree: Path) -> None:
    result = scan(ScanPlan(tree, RULES, recursive=True))
    names = {str(path.relative_to(tree)) for path, _ in result.files}
    assert {"a.mp4", "B.MP4", "sub/c.mp4", "sub/deep/er/d.mp4", "folder.mp4/inside.mp4"} == names
    assert all(identity == Identity.of(path) for path, identity in result.files)
    assert (5, [], True) == (result.folders, result.troubles, result.finished)


def test_a_flat_inbox_has_no_subfolders(tree: Path) -> None:
    assert {"a.mp4", "B.MP4"} == found(tree, ScanPlan(tree, RULES, recursive=False))


def test_a_subfolder_can_be_looked_through_alone(tree: Path) -> None:
    plan = ScanPlan(tree, RULES, recursive=True)
    assert {"sub/deep/er/d.mp4"} == found(tree, plan, below="sub/deep")


def test_excluded_folders_are_not_entered(tree: Path) -> None:
    exclude = spell_within(tree, [tree / "sub", tree, tree.parent, tree.parent / "elsewhere"])
    assert {str(tree / "sub")} == exclude
    plan = ScanPlan(tree, RULES, recursive=True, exclude=exclude)
    assert {"a.mp4", "B.MP4", "folder.mp4/inside.mp4"} == found(tree, plan)


def test_excluded_folders_are_found_through_links(tree: Path, tmp_path: Path) -> None:
    alias = tmp_path / "alias"
    alias.symlink_to(tree)
    assert {str(alias / "sub")} == spell_within(alias, [tree / "sub"])
    assert {str(tree / "sub")} == spell_within(tree, [alias / "sub"])


def test_a_missing_root_raises_and_a_vanished_subfolder_does_not(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError):
        scan(ScanPlan(tree / "missing", RULES, recursive=True))
    real = os.scandir

    def vanishing(folder: str) -> object:
        if str(folder).endswith("deep"):
            raise FileNotFoundError(2, "No such file or directory", folder)
        return real(folder)

    monkeypatch.setattr(os, "scandir", vanishing)
    result = scan(ScanPlan(tree, RULES, recursive=True))
    assert (4, []) == (len(result.files), result.troubles)


def test_unreadable_subfolders_are_told_and_the_rest_is_found(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root everything can be read: the system's refusal is put in its place."""
    real = os.scandir

    def refusing(folder: str) -> object:
        if str(folder).endswith("sub"):
            raise PermissionError(13, "Permission denied", folder)
        return real(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    result = scan(ScanPlan(tree, RULES, recursive=True))
    assert {"a.mp4", "B.MP4", "inside.mp4"} == {path.name for path, _ in result.files}
    assert (["sub: Permission denied"], 1) == (result.troubles, result.trouble_count)


def test_a_scan_stops_when_told(tree: Path) -> None:
    assert not scan(ScanPlan(tree, RULES, recursive=True), stop=lambda: True).finished


def test_very_deep_trees_are_scanned_without_recursion(tmp_path: Path, video: Callable[[int], bytes]) -> None:
    folder = tmp_path
    for _ in range(300):
        folder /= "d"
    folder.mkdir(parents=True)
    (folder / "film.mp4").write_bytes(video(1))
    result = scan(ScanPlan(tmp_path, RULES, recursive=True))
    assert [folder / "film.mp4"] == [path for path, _ in result.files]


def test_names_that_are_no_utf8_are_found(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9\n.mp4")
    (tmp_path / name).write_bytes(b"x")
    ((path, _),) = scan(ScanPlan(tmp_path, RULES, recursive=True)).files
    assert name == path.name
    assert path.exists()


MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:5 / /proc rw - proc proc rw
30 22 0:40 / /mnt/my\\040share rw,relatime - cifs //nas/videos rw
31 22 0:41 / /mnt/nfs rw - nfs4 nas:/export rw
32 31 254:0 / /mnt/nfs/local rw - ext4 /dev/vda rw
33 22 0:50 / /mnt/ssh rw - fuse.sshfs me@host: rw
34 22 0:51 / /mnt/crypt rw - fuse.gocryptfs /x rw
35 22 0:52 / /mnt/covered rw - ext4 /dev/vdb rw
36 35 0:53 / /mnt/covered rw - 9p host rw
nonsense
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/me", ""), ("/mnt/my share", "cifs"), ("/mnt/my share/deep/er", "cifs"), ("/mnt/my shared", ""),
        ("/mnt/nfs/x", "nfs4"), ("/mnt/nfs/local/x", ""), ("/mnt/ssh/x", "fuse.sshfs"), ("/mnt/crypt/x", ""),
        ("/mnt/covered/x", "9p"), ("/", ""),
    ],
)  # fmt: skip
def test_network_filesystems_are_told_by_their_mounts(tmp_path: Path, folder: str, kind: str) -> None:
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(MOUNTS)
    assert kind == network_type(Path(folder), mountinfo=mountinfo)


def test_without_mount_information_a_folder_counts_as_local(tmp_path: Path) -> None:
    assert "" == network_type(tmp_path, mountinfo=tmp_path / "missing")
    assert "" == network_type(tmp_path)
